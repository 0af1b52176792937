// Says what moby's patternmatcher leaves out of a context, as builders call it: a peer of the tests.
//
// Standard input has a JSON value a line, {"rules": TEXT, "paths": [PATH, …]}; the answer is {"ignored": [true, …]} or {"error": WORDS}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

type question struct {
	Rules string   `json:"rules"`
	Paths []string `json:"paths"`
}

type answer struct {
	Ignored []bool `json:"ignored,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println("ignore-judge 0.6.1")
		return
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(judge(q)); err != nil {
			os.Exit(1)
		}
	}
}

func judge(q question) answer {
	rules, err := ignorefile.ReadAll(strings.NewReader(q.Rules))
	if err != nil {
		return answer{Error: err.Error()}
	}
	matcher, err := patternmatcher.New(rules)
	if err != nil {
		return answer{Error: err.Error()}
	}
	ignored := make([]bool, len(q.Paths))
	for i, path := range q.Paths {
		if ignored[i], err = matcher.MatchesOrParentMatches(path); err != nil {
			return answer{Error: err.Error()}
		}
	}
	return answer{Ignored: ignored}
}
