// Command gen writes docs/operations.md from the declarations of the operations,
// and with -pictures a picture for each, before and after its example, made by
// the image engine itself.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"minilab/internal/pipeline"
)

const head = `# Operations

What a pipeline may have, in any order unless it is said otherwise. Each operation
is declared once, in ` + "`internal/pipeline`" + `; the parser, this page, ` + "`minilab ops`" + ` and its
JSON schema (` + "`minilab ops --schema`" + `) are made from the declaration.

    resize:512x512:cover/sharpen:1/webp:80

The text form: operations separated by ` + "`/`" + `, each a name and its values separated by
` + "`:`" + `. Values stand in the order of the table, or as ` + "`name=value`" + `; a flag's name alone
switches it on (` + "`webp:lossless`" + `). Width and height stand together: ` + "`512x512`" + `, ` + "`512`" + ` (the
width), ` + "`x512`" + ` (the height). Lengths are pixels, or with a p behind them a percentage
(` + "`50p`" + `). Colours are ` + "`ff8000`" + `, ` + "`ff800080`" + ` (with alpha) or names of CSS. In text, the
characters ` + "`/ : = | %`" + ` and line breaks are written ` + "`%2F %3A %3D %7C %25 %0A`" + `,
and a space at the end of a text ` + "`%20`" + `.

The JSON form is a list of objects: ` + "`[{\"op\":\"resize\",\"width\":512},{\"op\":\"webp\",\"quality\":80}]`" + `.

A pipeline has at most 64 operations and 8 KiB of text. What is wrong with one is
told when the image is handed in: where, what was expected, and what may have been
meant.

`

const tail = "This page is made from the code by `make generate`, its pictures by `make pictures`.\n"

func main() {
	pictures := flag.Bool("pictures", false, "make the pictures as well")
	flag.Parse()
	folder := flag.Arg(0)
	err := os.WriteFile(filepath.Join(folder, "operations.md"), []byte(head+pipeline.Markdown("operations")+tail), 0o644)
	if err == nil && *pictures {
		err = drawAll(filepath.Join(folder, "operations"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
