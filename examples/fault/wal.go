// SPDX-License-Identifier: LGPL-2.1-or-later

// A test in Go that lets the disk fail at a moment of its own, by bad-wal.fault:
//
//	go build wal.go && bedplate fault run bad-wal.fault -- ./wal
//
// An fsync that fails has to be seen, and what was not safe has to be written again.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// tell has the scenario do what it has for "on NAME"; it is done when this returns.
func tell(name string) error {
	path := os.Getenv("BEDPLATE_FAULT_SOCKET")
	if path == "" {
		return errors.New("no scenario runs here")
	}
	control, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	defer control.Close()
	if _, err = fmt.Fprintln(control, name); err != nil {
		return err
	}
	answer, err := bufio.NewReader(control).ReadString('\n')
	if strings.TrimSpace(answer) == "ok" {
		return nil
	}
	return fmt.Errorf("%s: %s %v", name, strings.TrimSpace(answer), err)
}

func put(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err = file.WriteString(text); err != nil {
		return err
	}
	return file.Sync()
}

func run(wal string) error {
	if err := put(wal, "one\n"); err != nil {
		return err
	}
	if err := tell("wal"); err != nil {
		return err
	}
	if err := put(wal, "two\n"); !errors.Is(err, syscall.EIO) {
		return fmt.Errorf("the failing disk was not seen: %v", err)
	}
	if err := tell("healed"); err != nil {
		return err
	}
	return put(wal, "two\n")
}

func main() {
	directory := os.Getenv("BEDPLATE_FAULT_MOUNT")
	if directory == "" {
		directory = "."
	}
	if err := run(directory + "/wal"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("two is safe")
}
