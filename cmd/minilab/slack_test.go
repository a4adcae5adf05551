package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// printSlack is a command of the scripts: it says in nanoseconds how late it is
// woken.
func printSlack() {
	slacken()
	ns, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	fmt.Println(ns, err, os.Args[1:], os.Getenv(slackened))
}

// TestServicesAreSlackened looks at a service from outside: what it was started
// with the second time.
func TestServicesAreSlackened(t *testing.T) {
	t.Parallel()
	kv := exec.Command(built(t, "minilab"), "kv", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	kv.Stderr = t.Output()
	stdout, err := kv.StdoutPipe()
	if err == nil {
		err = kv.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan() && !strings.HasPrefix(lines.Text(), "ready"); {
	}
	started, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", kv.Process.Pid))
	if err != nil || !bytes.Contains(started, []byte(slackened+"=1")) {
		t.Errorf("it was not started anew: %v", err)
	}
	_ = kv.Process.Signal(os.Interrupt) // it may have ended, which the next line tells
	if err := kv.Wait(); err != nil {
		t.Error(err)
	}
}
