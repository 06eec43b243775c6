/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import "github.com/yuin/gopher-lua/ast"

// maxSyntaxDepth bounds how deep blocks and expressions of a chunk are nested. The compiler is recursive, and Go ends
// the process when its stack is used up.
const maxSyntaxDepth = 1000

// tooDeep tells whether a chunk is nested too deep, and in which line.
func tooDeep(chunk []ast.Stmt) (line int, ok bool) {
	d := depth{}
	d.statements(chunk)
	return d.line, d.line > 0
}

// depth walks a syntax tree, and turns back at the first node that is too deep.
type depth struct {
	level int
	line  int
}

// enter goes one level down, and returns false where the walk turns back.
func (d *depth) enter(node ast.PositionHolder) bool {
	if d.line > 0 {
		return false
	}
	if d.level >= maxSyntaxDepth {
		d.line = max(node.Line(), 1)
		return false
	}
	d.level++
	return true
}

func (d *depth) statements(list []ast.Stmt) {
	for _, statement := range list {
		if !d.enter(statement) {
			return
		}
		d.statement(statement)
		d.level--
	}
}

func (d *depth) statement(statement ast.Stmt) {
	switch s := statement.(type) {
	case *ast.AssignStmt:
		d.expressions(s.Lhs...)
		d.expressions(s.Rhs...)
	case *ast.LocalAssignStmt:
		d.expressions(s.Exprs...)
	case *ast.FuncCallStmt:
		d.expressions(s.Expr)
	case *ast.ReturnStmt:
		d.expressions(s.Exprs...)
	case *ast.FuncDefStmt:
		d.expressions(s.Name.Func, s.Name.Receiver, s.Func)
	case *ast.DoBlockStmt:
		d.statements(s.Stmts)
	case *ast.WhileStmt:
		d.expressions(s.Condition)
		d.statements(s.Stmts)
	case *ast.RepeatStmt:
		d.expressions(s.Condition)
		d.statements(s.Stmts)
	case *ast.IfStmt:
		d.expressions(s.Condition)
		d.statements(s.Then)
		d.statements(s.Else)
	case *ast.NumberForStmt:
		d.expressions(s.Init, s.Limit, s.Step)
		d.statements(s.Stmts)
	case *ast.GenericForStmt:
		d.expressions(s.Exprs...)
		d.statements(s.Stmts)
	}
}

func (d *depth) expressions(list ...ast.Expr) {
	for _, expression := range list {
		if expression == nil {
			continue
		}
		if !d.enter(expression) {
			return
		}
		d.expression(expression)
		d.level--
	}
}

func (d *depth) expression(expression ast.Expr) {
	switch e := expression.(type) {
	case *ast.AttrGetExpr:
		d.expressions(e.Object, e.Key)
	case *ast.TableExpr:
		for _, field := range e.Fields {
			d.expressions(field.Key, field.Value)
		}
	case *ast.FuncCallExpr:
		d.expressions(e.Func, e.Receiver)
		d.expressions(e.Args...)
	case *ast.LogicalOpExpr:
		d.expressions(e.Lhs, e.Rhs)
	case *ast.RelationalOpExpr:
		d.expressions(e.Lhs, e.Rhs)
	case *ast.StringConcatOpExpr:
		d.expressions(e.Lhs, e.Rhs)
	case *ast.ArithmeticOpExpr:
		d.expressions(e.Lhs, e.Rhs)
	case *ast.UnaryMinusOpExpr:
		d.expressions(e.Expr)
	case *ast.UnaryNotOpExpr:
		d.expressions(e.Expr)
	case *ast.UnaryLenOpExpr:
		d.expressions(e.Expr)
	case *ast.FunctionExpr:
		d.statements(e.Stmts)
	}
}
