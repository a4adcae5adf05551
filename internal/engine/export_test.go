package engine

import "time"

// AwaitIdleEnd waits until all processes that have no job have ended.
func AwaitIdleEnd(p *Pool) {
	p.mu.Lock()
	idle := append([]*process(nil), p.idle...)
	p.mu.Unlock()
	for _, proc := range idle {
		<-proc.ended
	}
}

// AwaitRetired waits until all processes that were replaced have ended.
func AwaitRetired(p *Pool) { p.dying.Wait() }

// AwaitSpeech waits until an idle process has said something.
func AwaitSpeech(p *Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, proc := range p.idle {
		_ = proc.conn.SetReadDeadline(time.Time{})
		raw, err := proc.conn.SyscallConn()
		if err == nil {
			_ = raw.Read(func(uintptr) bool { return proc.unasked() != nil })
		}
	}
}
