// An app with go-oidc and golang.org/x/oauth2, as their documentation has it.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

var (
	issuer  = os.Getenv("ISSUER")
	baseURL = os.Getenv("BASE_URL")
)

// What one browser has here: an attempt to sign in, and then tokens.
type session struct {
	state, nonce, verifier string
	token                  *oauth2.Token
	idToken, name          string
}

type app struct {
	provider *oidc.Provider
	config   oauth2.Config
	mutex    sync.Mutex
	sessions map[string]*session
}

func main() {
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		log.Fatal(err)
	}
	app := &app{
		provider: provider,
		sessions: map[string]*session{},
		config: oauth2.Config{
			ClientID:     os.Getenv("CLIENT_ID"),
			ClientSecret: os.Getenv("CLIENT_SECRET"),
			Endpoint:     provider.Endpoint(),
			RedirectURL:  baseURL + "/callback",
			Scopes:       []string{oidc.ScopeOpenID, "profile", "email", "orders.read"},
		},
	}
	for path, handler := range map[string]func(http.ResponseWriter, *http.Request, *session) error{
		"GET /{$}":      app.home,
		"GET /login":    app.login,
		"GET /callback": app.callback,
		"GET /call":     app.call,
		"GET /refresh":  app.refresh,
		"GET /logout":   app.logout,
	} {
		http.HandleFunc(path, app.withSession(handler))
	}
	address, err := url.Parse(baseURL)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(address.Host, nil))
}

func (app *app) withSession(handler func(http.ResponseWriter, *http.Request, *session) error) http.HandlerFunc {
	return func(writer http.ResponseWriter, request *http.Request) {
		app.mutex.Lock()
		defer app.mutex.Unlock()
		cookie, err := request.Cookie("app")
		if err != nil || app.sessions[cookie.Value] == nil {
			cookie = &http.Cookie{Name: "app", Value: rand.Text(), Path: "/", HttpOnly: true}
			app.sessions[cookie.Value] = &session{}
			http.SetCookie(writer, cookie)
		}
		if err := handler(writer, request, app.sessions[cookie.Value]); err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
		}
	}
}

func (app *app) home(writer http.ResponseWriter, _ *http.Request, session *session) error {
	if session.token == nil {
		return writeJSON(writer, map[string]any{"name": nil, "accessToken": nil})
	}
	return writeJSON(writer, map[string]any{"name": session.name, "accessToken": session.token.AccessToken})
}

func (app *app) login(writer http.ResponseWriter, request *http.Request, session *session) error {
	session.state, session.nonce, session.verifier = rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	to := app.config.AuthCodeURL(session.state, oidc.Nonce(session.nonce), oauth2.S256ChallengeOption(session.verifier))
	http.Redirect(writer, request, to, http.StatusFound)
	return nil
}

func (app *app) callback(writer http.ResponseWriter, request *http.Request, session *session) error {
	query := request.URL.Query()
	if query.Get("state") != session.state {
		http.Error(writer, "another state", http.StatusBadRequest)
		return nil
	}
	token, err := app.config.Exchange(request.Context(), query.Get("code"), oauth2.VerifierOption(session.verifier))
	if err != nil {
		return err
	}
	session.idToken, _ = token.Extra("id_token").(string)
	verifier := app.provider.Verifier(&oidc.Config{ClientID: app.config.ClientID})
	idToken, err := verifier.Verify(request.Context(), session.idToken)
	if err != nil {
		return err
	}
	if idToken.Nonce != session.nonce {
		http.Error(writer, "another nonce", http.StatusBadRequest)
		return nil
	}
	session.token = token
	user, err := app.provider.UserInfo(request.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	var claims struct {
		Name string `json:"name"`
	}
	if err := user.Claims(&claims); err != nil {
		return err
	}
	session.name = claims.Name
	http.Redirect(writer, request, "/", http.StatusFound)
	return nil
}

func (app *app) call(writer http.ResponseWriter, request *http.Request, session *session) error {
	client := app.config.Client(request.Context(), session.token)
	answer, err := client.Get(os.Getenv("ORDERS_URL"))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return writeJSON(writer, map[string]any{"status": answer.StatusCode})
}

// The token source refreshes what is over; here it is told so.
func (app *app) refresh(writer http.ResponseWriter, request *http.Request, session *session) error {
	over := *session.token
	over.Expiry = time.Now().Add(-time.Minute)
	token, err := app.config.TokenSource(request.Context(), &over).Token()
	if err != nil {
		return err
	}
	session.token = token
	http.Redirect(writer, request, "/", http.StatusFound)
	return nil
}

func (app *app) logout(writer http.ResponseWriter, request *http.Request, session *session) error {
	var metadata struct {
		EndSessionEndpoint string `json:"end_session_endpoint"`
	}
	if err := app.provider.Claims(&metadata); err != nil {
		return err
	}
	query := url.Values{"id_token_hint": {session.idToken}, "post_logout_redirect_uri": {baseURL + "/"}}
	session.token = nil
	http.Redirect(writer, request, metadata.EndSessionEndpoint+"?"+query.Encode(), http.StatusFound)
	return nil
}

func writeJSON(writer http.ResponseWriter, value any) error {
	writer.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(writer).Encode(value)
}
