// Fetches by net/http, or connects and reads: `reads http HOST:PORT` or `reads tcp HOST:PORT`.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(how, peer string) error {
	if how == "http" {
		answer, err := http.Get("http://" + peer + "/")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	connection, err := net.Dial("tcp", peer)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, connection)
	return err
}
