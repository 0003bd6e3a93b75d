// SPDX-License-Identifier: EUPL-1.2

// oracle checks a log of ours with golang.org/x/mod/sumdb, which knows nothing of Lakzegel: the
// checkpoint's signatures, the inclusion of every entry, and the consistency of several sizes, from
// the files as they lie on disk.
//
//	oracle LOGDIR LOG.VKEY [MLDSA.VKEY] [WITNESS.VKEY]
//
// It exits 0 with one line, or 1 with the first mismatch.
package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 3 || len(os.Args) > 5 {
		fmt.Fprintln(os.Stderr, "usage: oracle LOGDIR LOG.VKEY [MLDSA.VKEY] [WITNESS.VKEY]")
		os.Exit(2)
	}
	found, err := check(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Println("MISMATCH:", err)
		os.Exit(1)
	}
	fmt.Println("OK:", found)
}

func check(dir string, keyFiles []string) (string, error) {
	tree, err := openCheckpoint(dir, keyFiles)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	entries, err := readEntries(dir, tree.N)
	if err != nil {
		return "", fmt.Errorf("entries: %w", err)
	}
	tiles := tlog.TileHashReader(tree, diskTiles{dir})
	for index, entry := range entries {
		if err := included(tree, tiles, int64(index), entry); err != nil {
			return "", fmt.Errorf("entry %d: %w", index, err)
		}
	}
	sizes, err := consistent(tree, tiles, entries)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d entries included, %d sizes consistent", len(entries), sizes), nil
}

// openCheckpoint returns the tree that all of the keys signed.
func openCheckpoint(dir string, keyFiles []string) (tlog.Tree, error) {
	data, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return tlog.Tree{}, err
	}
	keys := make([]note.Verifier, 0, len(keyFiles))
	for _, path := range keyFiles {
		key, err := readKey(path)
		if err != nil {
			return tlog.Tree{}, err
		}
		keys = append(keys, key)
	}
	opened, err := note.Open(data, note.VerifierList(keys...))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != len(keys) {
		return tlog.Tree{}, fmt.Errorf("%d of %d signatures", len(opened.Sigs), len(keys))
	}
	return parseTree(opened.Text, keys[0].Name())
}

func parseTree(text, origin string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tlog.Tree{}, errors.New("not origin, size and root, a line each")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 {
		return tlog.Tree{}, errors.New("size is not a number of entries")
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("root is not a hash")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// readKey returns the Ed25519 key of a file, or a cosigner's key, which package note has not.
func readKey(path string) (note.Verifier, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(data))
	if key, err := note.NewVerifier(text); err == nil {
		return key, nil
	}
	if key, err := newWitness(text); err == nil {
		return key, nil
	}
	return newCosigner(text)
}

func included(tree tlog.Tree, tiles tlog.HashReader, index int64, entry []byte) error {
	proof, err := tlog.ProveRecord(tree.N, index, tiles)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

// consistent proves from the tiles that the tree extends earlier ones, whose roots come from the
// entries alone.
func consistent(tree tlog.Tree, tiles tlog.HashReader, entries [][]byte) (int, error) {
	memory, err := hashed(entries)
	if err != nil {
		return 0, err
	}
	sizes := 0
	for _, old := range []int64{1, 2, 3, 127, 128, 255, 256, 257, 511, 512, 513, tree.N - 1, tree.N} {
		if old < 1 || old > tree.N {
			continue
		}
		root, err := tlog.TreeHash(old, memory)
		if err != nil {
			return 0, err
		}
		proof, err := tlog.ProveTree(tree.N, old, tiles)
		if err != nil {
			return 0, fmt.Errorf("size %d: %w", old, err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, root); err != nil {
			return 0, fmt.Errorf("size %d: %w", old, err)
		}
		sizes++
	}
	return sizes, nil
}

// hashed returns all hashes of a tree over the entries.
func hashed(entries [][]byte) (tlog.HashReader, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indices []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, 0, len(indices))
		for _, index := range indices {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	})
	for index, entry := range entries {
		more, err := tlog.StoredHashes(int64(index), entry, reader)
		if err != nil {
			return nil, err
		}
		stored = append(stored, more...)
	}
	return reader, nil
}
