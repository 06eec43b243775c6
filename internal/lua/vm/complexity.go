/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

const (
	// maxSyntaxDepth bounds how deep blocks and expressions of a chunk are nested. The compiler is recursive, and Go
	// ends the process when its stack is used up.
	maxSyntaxDepth = 1000
	// maxConstants bounds the different names, strings and numbers of a chunk. The compiler compares each one with all
	// before it, and can't be interrupted.
	maxConstants = 10_000
)

// tooComplex tells why a chunk must not be compiled, and in which line that shows; line is 0 if it may.
func tooComplex(chunk []ast.Stmt) (line int, why string) {
	c := complexity{constants: map[string]struct{}{}}
	c.statements(chunk)
	return c.line, c.why
}

// complexity walks a syntax tree, and turns back at the first node that is too much.
type complexity struct {
	level     int
	constants map[string]struct{}
	line      int
	why       string
}

// enter goes one level down, and returns false where the walk turns back.
func (c *complexity) enter(node ast.PositionHolder) bool {
	if c.line > 0 {
		return false
	}
	if c.level >= maxSyntaxDepth {
		c.refuse(node, "code is nested deeper than %d levels", maxSyntaxDepth)
		return false
	}
	c.level++
	return true
}

func (c *complexity) constant(node ast.PositionHolder, value string) {
	if c.constants[value] = struct{}{}; len(c.constants) > maxConstants {
		c.refuse(node, "there are more than %d different names, strings and numbers: move data into files of its own", maxConstants)
	}
}

func (c *complexity) refuse(node ast.PositionHolder, format string, limit int) {
	c.line, c.why = max(node.Line(), 1), fmt.Sprintf(format, limit)
}

func (c *complexity) statements(list []ast.Stmt) {
	for _, statement := range list {
		if !c.enter(statement) {
			return
		}
		c.statement(statement)
		c.level--
	}
}

func (c *complexity) statement(statement ast.Stmt) {
	switch s := statement.(type) {
	case *ast.AssignStmt:
		c.expressions(s.Lhs...)
		c.expressions(s.Rhs...)
	case *ast.LocalAssignStmt:
		c.expressions(s.Exprs...)
	case *ast.FuncCallStmt:
		c.expressions(s.Expr)
	case *ast.ReturnStmt:
		c.expressions(s.Exprs...)
	case *ast.FuncDefStmt:
		c.expressions(s.Name.Func, s.Name.Receiver, s.Func)
	case *ast.DoBlockStmt:
		c.statements(s.Stmts)
	case *ast.WhileStmt:
		c.expressions(s.Condition)
		c.statements(s.Stmts)
	case *ast.RepeatStmt:
		c.expressions(s.Condition)
		c.statements(s.Stmts)
	case *ast.IfStmt:
		c.expressions(s.Condition)
		c.statements(s.Then)
		c.statements(s.Else)
	case *ast.NumberForStmt:
		c.expressions(s.Init, s.Limit, s.Step)
		c.statements(s.Stmts)
	case *ast.GenericForStmt:
		c.expressions(s.Exprs...)
		c.statements(s.Stmts)
	}
}

func (c *complexity) expressions(list ...ast.Expr) {
	for _, expression := range list {
		if expression == nil {
			continue
		}
		if !c.enter(expression) {
			return
		}
		c.expression(expression)
		c.level--
	}
}

func (c *complexity) expression(expression ast.Expr) {
	switch e := expression.(type) {
	case *ast.IdentExpr:
		c.constant(e, e.Value)
	case *ast.NumberExpr:
		c.constant(e, e.Value)
	case *ast.StringExpr:
		c.constant(e, e.Value)
	case *ast.AttrGetExpr:
		c.expressions(e.Object, e.Key)
	case *ast.TableExpr:
		for _, field := range e.Fields {
			c.expressions(field.Key, field.Value)
		}
	case *ast.FuncCallExpr:
		c.expressions(e.Func, e.Receiver)
		c.expressions(e.Args...)
	case *ast.LogicalOpExpr:
		c.expressions(e.Lhs, e.Rhs)
	case *ast.RelationalOpExpr:
		c.expressions(e.Lhs, e.Rhs)
	case *ast.StringConcatOpExpr:
		c.expressions(e.Lhs, e.Rhs)
	case *ast.ArithmeticOpExpr:
		c.expressions(e.Lhs, e.Rhs)
	case *ast.UnaryMinusOpExpr:
		c.expressions(e.Expr)
	case *ast.UnaryNotOpExpr:
		c.expressions(e.Expr)
	case *ast.UnaryLenOpExpr:
		c.expressions(e.Expr)
	case *ast.FunctionExpr:
		c.statements(e.Stmts)
	}
}
