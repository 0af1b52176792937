package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

const indexType = "application/vnd.oci.image.index.v1+json"

// manifestFacts is what the distribution spec wants repeated in a referrer's descriptor.
type manifestFacts struct {
	ArtifactType string `json:"artifactType"`
	Config       struct {
		MediaType string `json:"mediaType"`
	} `json:"config"`
	Annotations map[string]string `json:"annotations"`
}

// correctReferrers makes the library's referrers answer follow distribution-spec 1.1: it reports the config's media
// type even where the manifest has an artifactType, drops the manifest's annotations, knows no filter and does not
// tell a client that a pushed manifest's subject was taken notice of (OCI-Subject).
func correctReferrers(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		repository, _, isReferrers := strings.Cut(r.URL.Path, "/referrers/")
		switch {
		case isReferrers && (r.Method == http.MethodGet || r.Method == http.MethodHead):
			serveReferrers(inner, repository, w, r)
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/"):
			servePut(inner, w, r)
		default:
			inner.ServeHTTP(w, r)
		}
	})
}

func serveReferrers(inner http.Handler, repository string, w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	inner.ServeHTTP(answer, r)
	var index map[string]any
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &index) != nil {
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
		return
	}
	want := r.URL.Query().Get("artifactType")
	kept := []any{}
	list, _ := index["manifests"].([]any)
	for _, item := range list {
		descriptor, _ := item.(map[string]any)
		digest, _ := descriptor["digest"].(string)
		facts := readManifest(inner, repository, digest)
		descriptor["artifactType"] = facts.ArtifactType
		if facts.ArtifactType == "" {
			descriptor["artifactType"] = facts.Config.MediaType
		}
		if len(facts.Annotations) > 0 {
			descriptor["annotations"] = facts.Annotations
		}
		if want == "" || want == descriptor["artifactType"] {
			kept = append(kept, descriptor)
		}
	}
	index["manifests"] = kept
	w.Header().Set("Content-Type", indexType)
	if want != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	_ = json.NewEncoder(w).Encode(index)
}

func readManifest(inner http.Handler, repository, digest string) manifestFacts {
	var facts manifestFacts
	answer := httptest.NewRecorder()
	inner.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, repository+"/manifests/"+digest, nil))
	// The inner registry keeps bytes that are not JSON too; such a manifest has no facts.
	_ = json.Unmarshal(answer.Body.Bytes(), &facts)
	return facts
}

func servePut(inner http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var manifest struct {
		Subject *struct {
			Digest string `json:"digest"`
		} `json:"subject"`
	}
	if json.Unmarshal(body, &manifest) == nil && manifest.Subject != nil {
		w.Header().Set("OCI-Subject", manifest.Subject.Digest)
	}
	inner.ServeHTTP(w, r)
}
