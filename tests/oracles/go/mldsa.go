// SPDX-License-Identifier: EUPL-1.2

//go:build go1.27

package main

import (
	"bytes"
	"crypto/mldsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	mldsaType = 0x06
	stamp     = 8 // bytes of the time before a signature
)

// cosigner verifies c2sp.org/tlog-cosignature lines of ML-DSA-44 as a note.Verifier.
type cosigner struct {
	name string
	id   uint32
	key  *mldsa.PublicKey
}

func newCosigner(text string) (note.Verifier, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a verifier key")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) == 0 || material[0] != mldsaType {
		return nil, errors.New("not an ML-DSA-44 verifier key")
	}
	key, err := mldsa.NewPublicKey(mldsa.MLDSA44(), material[1:])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	return cosigner{parts[0], binary.BigEndian.Uint32(sum[:]), key}, nil
}

func (c cosigner) Name() string { return c.name }

func (c cosigner) KeyHash() uint32 { return c.id }

func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) < stamp {
		return false
	}
	origin, _, _ := strings.Cut(string(text), "\n")
	tree, err := parseTree(string(text), origin)
	if err != nil {
		return false
	}
	var message bytes.Buffer
	message.WriteString("subtree/v1\n\x00")
	message.WriteByte(byte(len(c.name)))
	message.WriteString(c.name)
	message.Write(signature[:stamp])
	message.WriteByte(byte(len(origin)))
	message.WriteString(origin)
	binary.Write(&message, binary.BigEndian, uint64(0))
	binary.Write(&message, binary.BigEndian, uint64(tree.N))
	message.Write(tree.Hash[:])
	return mldsa.Verify(c.key, message.Bytes(), signature[stamp:], nil) == nil
}
