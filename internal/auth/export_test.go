package auth

// WithSum completes a text by its checksum.
func WithSum(text string) string { return text + checksum(text) }
