// Command gen writes the description of the public API.
package main

import (
	"fmt"
	"os"

	"minilab/internal/frontend"
)

func main() {
	text, err := frontend.OpenAPI()
	if err == nil {
		err = os.WriteFile(os.Args[1], text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
