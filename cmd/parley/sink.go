package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"parley/internal/sink"
)

// sinkCmd is `parley sink`.
type sinkCmd struct {
	Listen string        `default:"127.0.0.1:10006" placeholder:"HOST:PORT" help:"Where to listen; the default is where the server sends by default. Port 0 takes a free one."`
	Secret string        `placeholder:"whsec_..." help:"Signing secret; callbacks without a right signature are answered with 401."`
	Fail   int           `placeholder:"N" help:"Answer the first N requests with --status, or 500; a batch is one."`
	Status int           `placeholder:"CODE" help:"Answer with this status: all requests, or those that --fail counts."`
	Delay  time.Duration `placeholder:"D" help:"Hold back each answer, for example 2s."`
}

// Run receives until it is told to stop.
func (c *sinkCmd) Run(ctx context.Context, m *Main) error {
	opts := sink.Options{Secret: c.Secret, Fail: c.Fail, Status: c.Status, Delay: c.Delay, Out: m.Stdout}
	if err := opts.Validate(); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("sink: cannot listen on --listen %s: %w", c.Listen, err)
	}
	return m.untilSignal(ctx, func(ctx context.Context) error { return sink.New(opts).Serve(ctx, l) })
}
