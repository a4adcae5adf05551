// Package syscalls stands between processes and their disk, for tests. It
// sees each call by which a process changes files below a folder before the
// kernel does it, in one order over all the processes, and says what becomes
// of it: it goes on, it fails, it takes its time, or the process is killed
// right there. The process knows nothing of it: a seccomp filter with a
// listener (seccomp_unotify(2)) hands the calls over.
//
//	func TestMain(m *testing.M) {
//		syscalls.Main() // does not return where the test binary is a wrapper
//		os.Exit(m.Run())
//	}
//
//	w := syscalls.New(dir)
//	defer w.Close()
//	w.Decide(func(c syscalls.Call) syscalls.Verdict { … })
//	err := w.Wrap("storage", cmd) // before cmd.Start
//
// It needs Linux 5.19, no privileges, and amd64 or arm64.
package syscalls
