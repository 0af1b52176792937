// Reads CycloneDX JSON files with the Go library that most tools use, and prints what it found: a peer of the tests.
package main

import (
	"fmt"
	"os"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println("cdx-decode 0.12.0")
		return
	}
	for _, path := range os.Args[1:] {
		if err := show(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func show(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	bom := new(cdx.BOM)
	if err := cdx.NewBOMDecoder(file, cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		return err
	}
	components, dependencies := 0, 0
	if bom.Components != nil {
		components = len(*bom.Components)
	}
	if bom.Dependencies != nil {
		dependencies = len(*bom.Dependencies)
	}
	fmt.Printf("%s %s components=%d dependencies=%d\n", bom.SpecVersion, bom.SerialNumber, components, dependencies)
	return nil
}
