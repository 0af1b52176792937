module sealwright.dev/tools/differential/archives/peer

go 1.26
