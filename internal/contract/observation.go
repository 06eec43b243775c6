/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import "time"

// Stage is how far the execution of a run has come.
type Stage string

const (
	// StageAbsent means that nothing of the execution exists.
	StageAbsent Stage = "Absent"
	// StageWaiting means that it exists and the script has not started.
	StageWaiting Stage = "Waiting"
	// StageRunning means that the script runs.
	StageRunning Stage = "Running"
	// StageEnded means that there is a verdict.
	StageEnded Stage = "Ended"
)

// WaitingFetching is the WaitingReason while the source of the test is fetched. The execution has
// started by then, and its own deadline ends it.
const WaitingFetching = "Fetching"

// Alive is an execution that may still be under way.
type Alive struct {
	// Namespace, Name and UID are those of the TestRun, which may not exist any more.
	Namespace, Name, UID string
	// App is the App that it works on, and Attempt the attempt of the run that it carries out.
	App     string
	Attempt int
}

// Observation is what can be seen of the execution of a run, however it is carried out.
type Observation struct {
	Stage Stage
	// Name is the object that carries the run out, such as the Pod.
	Name string
	// Created is when that object was made.
	Created time.Time
	// Waiting says why the script has not started: a CamelCase reason and the cluster's words.
	// Both are empty where nothing is known.
	WaitingReason  string
	WaitingMessage string
	// Started and Ended are when the script was started and when it ended; zero if unknown.
	Started time.Time
	Ended   time.Time
	// StopAsked is when the execution was asked to end early, and StopBy when it is given up because it has not; both are
	// zero if it was not asked.
	StopAsked time.Time
	StopBy    time.Time
	// Result is the verdict. It is set when Stage is StageEnded.
	Result Result
	// GitCommit is the commit that was fetched, as soon as it is known.
	GitCommit string
	// Alive is true while a container of the execution may still be running. A run holds its
	// slot until this is false.
	Alive bool
}
