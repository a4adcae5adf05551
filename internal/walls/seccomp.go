package walls

import (
	"fmt"
	"os"
	"runtime"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowed is what remains: memory, threads, time, signals within the process,
// and work with the descriptors that it has. Nothing in it takes a path, makes
// a socket or starts a program.
var allowed = []string{
	// memory
	"brk", "madvise", "mmap", "mprotect", "mremap", "munmap", "membarrier",
	// threads; clone is below
	"exit", "exit_group", "futex", "getpid", "gettid", "rseq", "sched_getaffinity", "sched_yield",
	"set_robust_list", "set_tid_address",
	// time
	"clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time",
	"timer_create", "timer_delete", "timer_settime", "setitimer",
	// signals; tgkill is below
	"restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack",
	// open descriptors; fcntl is below
	"close", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "fstat", "ftruncate", "lseek", "poll", "ppoll", "pread64", "pwrite64", "read", "readv", "recvmsg", "sendmsg", "write", "writev",
	// itself
	"getrandom", "getrusage", "sysinfo", "uname",
}

// namespaces are the flags of clone that take a thread into a world of its own.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

func equal(argument uint32, value uint64) []seccomp.Condition {
	return []seccomp.Condition{{Argument: argument, Operation: seccomp.Equal, Value: value}}
}

const eNOSYS = seccomp.Action(unix.ENOSYS)

// Seccomp leaves all threads of the process the system calls that decoding an
// image takes; any other fails with EPERM.
func Seccomp() error {
	info, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("walls: seccomp: %w", err)
	}
	var names []string
	for _, name := range allowed {
		if _, ok := info.SyscallNames[name]; ok { // arm64 has no poll, say
			names = append(names, name)
		}
	}
	policy := seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow, Names: names},
			{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
				{Name: "clone", Conditions: []seccomp.Condition{
					{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
					{Argument: 0, Operation: seccomp.BitsNotSet, Value: namespaces},
				}},
				// No other command of fcntl's: it can have the kernel signal any process
				// (F_SETOWN), and locks of /dev/null are seen by all who have it open.
				{Name: "fcntl", Conditions: equal(1, unix.F_GETFD)},
				{Name: "fcntl", Conditions: equal(1, unix.F_GETFL)},
				{Name: "fcntl", Conditions: equal(1, unix.F_GET_SEALS)},
				{Name: "tgkill", Conditions: equal(0, uint64(os.Getpid()))},
			}},
			// Its flags are in memory, where a filter cannot look; without it the C library uses clone.
			{Action: seccomp.ActionErrno | eNOSYS, Names: []string{"clone3"}},
		},
	}
	runtime.LockOSThread() // NoNewPrivs is set for this thread, the filter for all
	defer runtime.UnlockOSThread()
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return fmt.Errorf("walls: seccomp: %w", err)
	}
	return nil
}
