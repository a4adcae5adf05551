// Command nolandlock runs a program as if on a kernel that has no Landlock: the
// calls for it are unknown.
//
//	nolandlock minilab up
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nolandlock:", err)
		os.Exit(125)
	}
}

func run(args []string) error {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the filter is this thread's, and what the thread becomes has it still
	err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{{
			Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
			Names:  []string{"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"},
		}},
	}})
	if err != nil {
		return err
	}
	return unix.Exec(path, args, os.Environ())
}
