package engine

import "minilab/internal/engine/wire"

// facts are those of the source, by their names.
func facts(f wire.Facts) map[string]any {
	m := map[string]any{
		"format": f.Format, "width": f.Width, "height": f.Height, "pages": f.Pages,
		"bits": f.Bits, "bands": f.Bands, "lane": f.Lane,
	}
	if f.Quality > 0 {
		m["quality"] = f.Quality
	}
	if f.Orientation > 0 {
		m["orientation"] = f.Orientation
	}
	if f.Profile != "" {
		m["profile"] = f.Profile
	}
	if len(f.Exif) > 0 {
		m["exif"] = f.Exif
	}
	return m
}

// outputFacts are those of a result, by their names.
func outputFacts(o wire.Output) map[string]any {
	m := map[string]any{"width": o.Width, "height": o.Height, "pages": o.Pages}
	if o.Measured == nil {
		return m
	}
	for name, text := range map[string]string{
		"blurhash": o.Measured.BlurHash, "thumbhash": o.Measured.ThumbHash, "phash": o.Measured.PHash,
	} {
		if text != "" {
			m[name] = text
		}
	}
	if len(o.Measured.Colours) > 0 {
		m["colours"] = o.Measured.Colours
	}
	return m
}
