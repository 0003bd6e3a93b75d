// SPDX-License-Identifier: EUPL-1.2

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

const width = 256 // hashes or entries of a full tile

// diskTiles reads tiles by their names in c2sp.org/tlog-tiles: tile/L/N, and N.p/W where partial.
type diskTiles struct{ dir string }

func (diskTiles) Height() int { return 8 }

func (d diskTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, 0, len(tiles))
	for _, tile := range tiles {
		one, err := os.ReadFile(d.path(fmt.Sprint(tile.L), tile.N, int64(tile.W)))
		if err != nil {
			return nil, err
		}
		data = append(data, one)
	}
	return data, nil
}

func (diskTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (d diskTiles) path(level string, index, count int64) string {
	name := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		name = fmt.Sprintf("x%03d/%s", rest%1000, name)
	}
	if count < width {
		name = fmt.Sprintf("%s.p/%d", name, count)
	}
	return filepath.Join(d.dir, "tile", level, name)
}

// readEntries returns a log's entries from its bundles: each after its length in two bytes.
func readEntries(dir string, size int64) ([][]byte, error) {
	var entries [][]byte
	for first := int64(0); first < size; first += width {
		count := min64(width, size-first)
		path := diskTiles{dir}.path("entries", first/width, count)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		for n := int64(0); n < count; n++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s: truncated", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
		if len(data) > 0 {
			return nil, fmt.Errorf("%s: %d bytes too many", path, len(data))
		}
	}
	return entries, nil
}

func min64(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
