// Command parley is the messaging server and the tools that belong to it.
//
// This package owns flags, the configuration's sources, signals and exit codes,
// and nothing else: what a command does is in the internal packages. [Main] is
// the program as a value, so that tests run it inside their own process.
//
// Exit codes: 0 done, 1 it could not be done (one sentence on stderr says why),
// 2 the command line was wrong.
//
// Goroutines: the long-running commands run their work in one goroutine beside
// the one that waits for signals. It has ended when Run returns, except when a
// second signal asked to leave at once or the work did not end in time: then
// the process is about to end.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	m := Main{
		Args:   os.Args[1:],
		Env:    os.Environ(),
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Signals: func() (<-chan os.Signal, func()) {
			// Two: the one that stops, and the one that loses patience.
			c := make(chan os.Signal, 2)
			signal.Notify(c, os.Interrupt, syscall.SIGTERM)
			return c, func() { signal.Stop(c) }
		},
		NewServer: newServer,
		MintToken: mintToken,
	}
	os.Exit(m.Run(context.Background()))
}

// Main is one run of the program.
type Main struct {
	// Args are the arguments without the program's name.
	Args []string
	// Env is the environment as os.Environ gives it.
	Env []string
	// Stdout takes results and nothing else; Stderr takes logs and errors.
	Stdout, Stderr io.Writer
	// Signals begins to deliver signals, until the returned function is called.
	// Commands that end by themselves do not call it and so keep the system's
	// own behaviour. Nil means that there are no signals.
	Signals func() (<-chan os.Signal, func())
	// NewServer makes the server that serve runs.
	NewServer func(serverOptions) (runner, error)
	// MintToken makes the token that token prints.
	MintToken func(ctx context.Context, opts serverOptions, userID string, platformID int) (string, error)
}

// commands is the grammar of the command line.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Token   tokenCmd   `cmd:"" help:"Print a token for a user or for the administrator."`
	Sink    sinkCmd    `cmd:"" help:"Receive webhooks, verify and print them."`
	Config  configCmd  `cmd:"" help:"Check or print the configuration."`
	Migrate migrateCmd `cmd:"" help:"Look at the database's schema, or bring it up to date."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// Run carries out the command line and returns the exit code.
func (m *Main) Run(ctx context.Context) int {
	args := m.Args
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, code, done := m.parse(ctx, args)
	if done {
		return code
	}
	err := command.Run()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSaid):
		return exitFailed
	}
	m.complain(err)
	return exitFailed
}

// errSaid is returned by commands whose output already told what is wrong.
var errSaid = errors.New("already said")

// parse returns the command to run, or done and the exit code when there is
// nothing more to do.
func (m *Main) parse(ctx context.Context, args []string) (command *kong.Context, code int, done bool) {
	// kong wants to end the process once it has shown help; here it only ends the parsing.
	type helpShown struct{ code int }
	defer func() {
		switch r := recover().(type) {
		case nil:
		case helpShown:
			command, code, done = nil, r.code, true
		default:
			panic(r)
		}
	}()
	parser, err := kong.New(&commands{},
		kong.Name("parley"),
		kong.Description("An instant-messaging server that speaks to OpenIM 3.8 clients. `parley serve` needs no settings."),
		kong.Writers(m.Stdout, m.Stderr),
		kong.Exit(func(code int) { panic(helpShown{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(m),
	)
	if err != nil {
		m.complain(err)
		return nil, exitUsage, true
	}
	command, err = parser.Parse(args)
	if err != nil {
		m.complain(err)
		_, _ = fmt.Fprintln(m.Stderr, "parley: --help tells what can be said") // nowhere left to complain
		return nil, exitUsage, true
	}
	return command, exitOK, false
}

// complain says one sentence on one line.
func (m *Main) complain(err error) {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	_, _ = fmt.Fprintln(m.Stderr, "parley: "+text) // nowhere left to complain
}

// say prints a result.
func (m *Main) say(text string) error {
	if _, err := fmt.Fprintln(m.Stdout, text); err != nil {
		return fmt.Errorf("cannot print: %w", err)
	}
	return nil
}
