package taskdb

import "minilab/internal/hook"

// Outbox is the task database's part of webhooks. Every end of a task, born
// finished ones included, queues a delivery to the task's callback and to each
// webhook of its owner that asks for it, in the transaction that ends it; what
// the message tells stays as it was then, also when the task is deleted.
type Outbox = hook.Store
