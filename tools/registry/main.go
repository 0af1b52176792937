// Command oci-registry is a container registry with the referrers API, for tests and demos. It keeps everything in
// memory and forgets it when it ends.
//
//	oci-registry -addr 127.0.0.1:0
//
// The first line on stdout is `listening on HOST:PORT`, so that port 0 is useful.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/google/go-containerregistry/pkg/registry"
)

// version is what scripts/peers asks for; raise it with every change of behaviour.
const version = "1"

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "loopback address to listen on")
	verbose := flag.Bool("verbose", false, "log every request to stderr")
	show := flag.Bool("version", false, "print the version and end")
	flag.Parse()
	if *show {
		fmt.Println(version)
		return
	}
	if err := serve(*addr, *verbose); err != nil {
		log.Fatal(err)
	}
}

func serve(addr string, verbose bool) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return errors.New("this registry knows no users: it listens on loopback only")
	}
	logger := log.New(io.Discard, "", 0)
	if verbose {
		logger = log.New(os.Stderr, "", log.LstdFlags)
	}
	inner := registry.New(registry.WithReferrersSupport(true), registry.Logger(logger))
	server := &http.Server{Handler: correctReferrers(inner)}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		_ = server.Close()
	}()
	fmt.Printf("listening on %s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
