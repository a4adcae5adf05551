package main

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// slack is how late the kernel may wake the threads of services, so that it can
// wake several at once. None of their own timers need to be more exact.
const slack = time.Millisecond

// slackened is the variable by which the process knows that it has been started
// anew.
const slackened = "_MINILAB_SLACKENED"

// slacken starts this executable anew in its own place, with that slack, unless
// it has it or cannot get it.
//
// As long as anything goes on, a thread of Go's scheduler looks every 20 µs
// whether somebody is stuck in a system call. With the kernel's usual slack of
// 50 µs that takes a sixth of a service's processor time. The slack of a thread
// is that of the one that has started it, and that thread is there before main.
func slacken() {
	again := os.Getenv(slackened) != ""
	_ = os.Unsetenv(slackened) // it is set or not
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	has, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if again || err != nil || has >= int(slack) {
		return
	}
	self, err := os.Executable()
	if err == nil {
		err = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
	}
	if err == nil {
		_ = syscall.Exec(self, os.Args, append(os.Environ(), slackened+"=1")) // else it works as it is
	}
}
