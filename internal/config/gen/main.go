// Command gen writes the table of settings for the documentation.
package main

import (
	"fmt"
	"os"

	"minilab/internal/config"
)

const head = `# Configuration

Every setting has the same name as a flag, as a variable and in the YAML file
that ` + "`--config FILE`" + ` (or ` + "`MINILAB_CONFIG`" + `) names. A flag wins over the variable, the
variable over the file, the file over the default. An unknown setting is an
error, and everything that is wrong is said at once. ` + "`minilab config`" + ` prints the
effective values, with secrets masked, in a form that can be used as the file.

Sizes take units (` + "`100MiB`" + `, ` + "`1GB`" + `), durations too (` + "`30s`" + `, ` + "`5m`" + `).

`

const tail = `
A file:

` + "```yaml" + `
data: /var/lib/minilab
max-bytes: 200MiB
listen: kv=10.0.0.7:8081,storage=10.0.0.7:8082
` + "```" + `

This page is made from the code by ` + "`make generate`" + `.
`

func main() {
	if err := os.WriteFile(os.Args[1], []byte(head+config.Markdown()+tail), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
