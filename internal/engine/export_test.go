package engine

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
