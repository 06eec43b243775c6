/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// types knows which types are arrays, and of what.
type types struct {
	builtin *pgtype.Map
	// own has the types that the database defines: the type of the items, and 0 for what is no array.
	own map[uint32]uint32
}

func newTypes(builtin *pgtype.Map) types {
	return types{builtin: builtin, own: map[uint32]uint32{}}
}

// item returns the type of the items of an array, 0 for what is no array.
func (t types) item(oid uint32) uint32 {
	if item, ok := t.own[oid]; ok {
		return item
	}
	known, ok := t.builtin.TypeForOID(oid)
	// The items of an array of boxes are separated by ";", because a box has commas itself.
	if !ok || oid == pgtype.BoxArrayOID {
		return 0
	}
	if array, ok := known.Codec.(*pgtype.ArrayCodec); ok {
		return array.ElementType.OID
	}
	return 0
}

// firstOwnOID is where the types begin that are not PostgreSQL's own.
const firstOwnOID = 16384

// learn asks the server for the types that a database defines and a statement uses, such as arrays of an enum. It
// reports whether it had to ask.
func (t types) learn(ctx context.Context, conn *pgconn.PgConn, s *pgconn.StatementDescription) (bool, error) {
	oids := append([]uint32{}, s.ParamOIDs...)
	for _, field := range s.Fields {
		oids = append(oids, field.DataTypeOID)
	}
	asked := false
	for _, oid := range oids {
		if _, known := t.own[oid]; known || oid < firstOwnOID {
			continue
		}
		asked = true
		item, err := askItem(ctx, conn, oid)
		if err != nil {
			return true, fmt.Errorf("look up the type %d: %w", oid, err)
		}
		t.own[oid] = item
	}
	return asked, nil
}

func askItem(ctx context.Context, conn *pgconn.PgConn, oid uint32) (uint32, error) {
	sql := fmt.Sprintf("SELECT typelem FROM pg_catalog.pg_type WHERE oid = %d AND typcategory = 'A' AND typdelim = ','", oid)
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) == 0 {
		return 0, err
	}
	var item uint32
	_, err = fmt.Sscan(string(results[0].Rows[0][0]), &item)
	return item, err
}
