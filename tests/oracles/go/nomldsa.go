// SPDX-License-Identifier: EUPL-1.2

//go:build !go1.27

package main

import (
	"errors"

	"golang.org/x/mod/sumdb/note"
)

func newCosigner(string) (note.Verifier, error) {
	return nil, errors.New("this Go has no ML-DSA")
}
