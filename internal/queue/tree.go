/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import "math/rand/v2"

// tree keeps waiting runs in order, and knows the place of each. It is a treap: random weights keep it about as deep as the
// logarithm of its size, and every method takes that long.
type tree struct {
	before func(a, b Run) bool
	root   *node
}

type node struct {
	entry       *entry
	weight      uint64
	size        int
	left, right *node
}

func (t *tree) insert(e *entry) {
	n := &node{entry: e, weight: rand.Uint64()}
	at := &t.root
	for *at != nil && (*at).weight > n.weight {
		(*at).size++
		at = t.side(*at, e)
	}
	n.left, n.right = t.split(*at, e)
	n.size = n.left.len() + n.right.len() + 1
	*at = n
}

// remove takes out an entry that is in the tree.
func (t *tree) remove(e *entry) {
	at := &t.root
	for (*at).entry != e {
		(*at).size--
		at = t.side(*at, e)
	}
	*at = merge((*at).left, (*at).right)
}

// side returns the child of the node on whose side the entry belongs.
func (t *tree) side(n *node, e *entry) **node {
	if t.before(e.run, n.entry.run) {
		return &n.left
	}
	return &n.right
}

// replace puts one entry in the place of another, either of which may be nil, and returns it.
func (t *tree) replace(former, e *entry) *entry {
	if former == e {
		return e
	}
	if former != nil {
		t.remove(former)
	}
	if e != nil {
		t.insert(e)
	}
	return e
}

func (t *tree) len() int { return t.root.len() }

// first returns the entry that goes before all others, or nil.
func (t *tree) first() *entry {
	if t.root == nil {
		return nil
	}
	return t.at(0)
}

// at returns the entry before which there are that many.
func (t *tree) at(rank int) *entry {
	n := t.root
	for rank != n.left.len() {
		if rank < n.left.len() {
			n = n.left
			continue
		}
		rank -= n.left.len() + 1
		n = n.right
	}
	return n.entry
}

// rank is how many entries go before this one.
func (t *tree) rank(e *entry) int {
	rank := 0
	for n := t.root; n != nil; {
		if t.before(n.entry.run, e.run) {
			rank += n.left.len() + 1
			n = n.right
		} else {
			n = n.left
		}
	}
	return rank
}

// split parts the nodes that go before the entry from those that go after it.
func (t *tree) split(n *node, e *entry) (left, right *node) {
	if n == nil {
		return nil, nil
	}
	if t.before(n.entry.run, e.run) {
		n.right, right = t.split(n.right, e)
		left = n
	} else {
		left, n.left = t.split(n.left, e)
		right = n
	}
	n.size = n.left.len() + n.right.len() + 1
	return left, right
}

// merge joins two trees, of which the left one goes before the right one.
func merge(left, right *node) *node {
	switch {
	case left == nil:
		return right
	case right == nil:
		return left
	}
	top := left
	if left.weight > right.weight {
		left.right = merge(left.right, right)
	} else {
		top = right
		right.left = merge(left, right.left)
	}
	top.size = top.left.len() + top.right.len() + 1
	return top
}

func (n *node) len() int {
	if n == nil {
		return 0
	}
	return n.size
}
