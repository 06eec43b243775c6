/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	pingTimeout     = time.Second
	uniqueViolation = "23505"
)

var (
	errUserExists   = errors.New("user exists already")
	errUserNotFound = errors.New("user does not exist")
)

// user is a row of the table users, and what the API answers with.
type user struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Email string `json:"email,omitempty" db:"-"`
}

type userStore struct{ pool *pgxpool.Pool }

// openUsers does not wait for the database: readiness does.
func openUsers(databaseURL string) (*userStore, error) {
	pool, err := pgxpool.New(context.Background(), databaseURL)
	if err != nil {
		return nil, fmt.Errorf("configure the database: %w", err)
	}
	return &userStore{pool: pool}, nil
}

func (s *userStore) close() { s.pool.Close() }

func (s *userStore) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

func (s *userStore) list(ctx context.Context) ([]user, error) {
	rows, err := s.pool.Query(ctx, `SELECT name, coalesce(role, '') AS role FROM users ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	users, err := pgx.CollectRows(rows, pgx.RowToStructByName[user])
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

func (s *userStore) get(ctx context.Context, name string) (user, error) {
	found := user{Name: name}
	err := s.pool.QueryRow(ctx, `SELECT coalesce(role, '') FROM users WHERE name = $1`, name).Scan(&found.Role)
	if errors.Is(err, pgx.ErrNoRows) {
		return user{}, errUserNotFound
	}
	if err != nil {
		return user{}, fmt.Errorf("get user %s: %w", name, err)
	}
	return found, nil
}

func (s *userStore) add(ctx context.Context, added user) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO users (name, role) VALUES ($1, $2)`, added.Name, added.Role)
	if refusal := new(pgconn.PgError); errors.As(err, &refusal) && refusal.Code == uniqueViolation {
		return errUserExists
	}
	if err != nil {
		return fmt.Errorf("add user %s: %w", added.Name, err)
	}
	return nil
}

func (s *userStore) remove(ctx context.Context, name string) error {
	done, err := s.pool.Exec(ctx, `DELETE FROM users WHERE name = $1`, name)
	if err != nil {
		return fmt.Errorf("delete user %s: %w", name, err)
	}
	if done.RowsAffected() == 0 {
		return errUserNotFound
	}
	return nil
}
