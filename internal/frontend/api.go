package frontend

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/problem"
)

// prefix is where the resources are.
const prefix = "/api/v1"

// api is the resources of the public API and their description.
type api struct {
	Config
	rt   *httpx.Router
	huma huma.API
}

// chapters are those of the description, in the order in which they are needed.
var chapters = []*huma.Tag{
	{Name: "Tasks", Description: "An image that is handed in is a task: what is done with it, and how far that is. Images that come piece by piece, by tus 1.0, are handed in at `/api/v1/uploads/`."},
	{Name: "Images", Description: "What was made, and what it was made of."},
	{Name: "Operations", Description: "What a pipeline may have."},
	{Name: "Presets", Description: "Pipelines with names."},
	{Name: "Webhooks", Description: "The lab calls when tasks end."},
	{Name: "Links", Description: "URLs that do one thing without a key."},
	{Name: "Keys", Description: "Who may do what."},
	{Name: "Lab", Description: "The lab at a glance."},
}

// newAPI puts every resource on the router. cfg.Customers judge images already.
func newAPI(cfg Config, rt *httpx.Router) *api {
	ownErrors()
	c := huma.DefaultConfig("minilab", "1")
	c.Info.Description = "A photo lab: hand an image in, get an ID, ask how far it is, pick the altered image up."
	c.Components = &huma.Components{
		Schemas:         huma.NewMapRegistry("#/components/schemas/", schemaName),
		SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "An API key. A lab without keys, which serves its own machine only, needs none."}},
	}
	c.Components.Schemas.RegisterTypeAlias(typeOf[problem.Problem](), typeOf[problemError]())
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Servers, c.Tags = []*huma.Server{{URL: "/"}}, chapters
	a := &api{Config: cfg, rt: rt, huma: huma.NewAPI(c, adapter{rt})}
	a.routeTasks()
	a.routeEvents()
	a.routeResults()
	a.routeCatalog()
	a.routeKeys()
	a.routeWebhooks()
	a.routeLinks()
	a.routeOpenAPI()
	routeDocs(rt)
	return a
}

// schemaName names a type in the description.
func schemaName(t reflect.Type, hint string) string {
	if name := huma.DefaultSchemaNamer(t, hint); name != "ProblemError" {
		return name
	}
	return "Problem"
}

// adapter has huma's operations served by the router.
type adapter struct{ rt *httpx.Router }

// Handle implements huma.Adapter.
func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	methods := op.Method
	if op.Metadata[alsoHead] != nil {
		methods += "|" + http.MethodHead
	}
	a.rt.Handle(methods+" "+op.Path, func(w http.ResponseWriter, r *http.Request) error {
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, r))
		handler(humachi.NewContext(op, r, w))
		return nil
	})
}

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.rt.ServeHTTP(w, r) }

// alsoHead marks operations that answer HEAD too.
const alsoHead = "head"

// operation completes the description of a resource that needs the scope.
func operation(op huma.Operation, scope auth.Scope, statuses ...int) huma.Operation {
	op.Path = prefix + op.Path
	op.Security = []map[string][]string{{"key": {string(scope)}}}
	op.BodyReadTimeout = -1 // the router bounds each pause of a body
	op.MaxBodyBytes = maxDescription
	op.Errors = slices.Concat([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}, statuses, []int{http.StatusServiceUnavailable})
	return op
}

// resource serves one that answers with JSON or nothing.
func resource[I, O any](a *api, op huma.Operation, scope auth.Scope, f func(ctx context.Context, who auth.Principal, in *I) (*O, error)) {
	op.Middlewares = huma.Middlewares{a.needs(scope)}
	if _, ok := typeOf[I]().FieldByName("Body"); ok {
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := f(ctx, auth.From(ctx), in)
		if err != nil {
			return nil, a.told(ctx, err)
		}
		return out, nil
	})
}

// stream serves one whose body is read or written as it comes.
func stream[I any](a *api, op huma.Operation, scope auth.Scope, f func(w http.ResponseWriter, r *http.Request, who auth.Principal, in *I) error) {
	op.Middlewares = huma.Middlewares{a.needs(scope)}
	huma.Register(a.huma, op, func(_ context.Context, in *I) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			r, w := humachi.Unwrap(ctx)
			if err := f(w, r, auth.From(r.Context()), in); err != nil {
				a.rt.Fail(w, r, err)
			}
		}}, nil
	})
}

// needs lets only those pass who have one of the scopes, before anything else is
// said of their request. Nobody keeps the answer, unless the resource says so.
func (a *api) needs(scopes ...auth.Scope) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		var err error
		for _, scope := range scopes {
			if err = auth.From(ctx.Context()).Check(scope); err == nil {
				break
			}
		}
		if err != nil {
			r, w := humachi.Unwrap(ctx)
			a.rt.Fail(w, r, err)
			return
		}
		ctx.SetHeader("Cache-Control", "no-store")
		next(ctx)
	}
}

// told is what the caller is told of an error.
func (a *api) told(ctx context.Context, err error) error {
	r, _ := ctx.Value(requestKey{}).(*http.Request)
	if r == nil {
		return newProblem(fault.From(err), "")
	}
	return newProblem(a.rt.Note(r, err), httpx.RequestID(ctx))
}

// requestKey keeps the request in its context, for the log line of an error.
type requestKey struct{}

// problemError is a problem as huma takes errors.
type problemError struct {
	problem.Problem
	fault *fault.Fault
}

func newProblem(f *fault.Fault, requestID string) *problemError {
	p := problem.Of(f)
	p.RequestID = requestID
	return &problemError{p, f}
}

// Error implements error.
func (p *problemError) Error() string { return p.fault.Error() }

// GetStatus implements huma.StatusError.
func (p *problemError) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *problemError) ContentType(string) string { return problem.ContentType }

// GetHeaders implements huma.HeadersError.
func (p *problemError) GetHeaders() http.Header {
	h := http.Header{"Cache-Control": {"no-store"}}
	if d := problem.RetryAfter(p.fault); d > 0 {
		h.Set("Retry-After", strconv.Itoa(d))
	}
	if p.fault.Kind == fault.Unauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	return h
}

// ownErrors has huma say what it finds wrong with a request in the lab's words.
var ownErrors = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		f := refusal(status, message, errs)
		if ctx == nil {
			return newProblem(f, "")
		}

		return newProblem(f, httpx.RequestID(ctx.Context()))
	}
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return newProblem(refusal(status, message, errs), "")
	}
})

// refusal is what is wrong with a request that did not come as described.
func refusal(status int, message string, errs []error) *fault.Fault {
	f := httpx.ErrParameter
	var details []string
	for _, err := range errs {
		d, ok := errors.AsType[*huma.ErrorDetail](err)
		switch {
		case ok && strings.HasPrefix(d.Location, "body"):
			f = httpx.ErrJSON
			fallthrough
		case ok:
			details = append(details, d.Location+": "+d.Message)
		default:
			details = append(details, message)
		}
	}
	if len(details) == 0 {
		details = []string{message}
	}
	switch kind := fault.KindOfStatus(status); kind {
	case fault.Invalid, fault.Unprocessable:
	case fault.TooLarge:
		f = fault.ErrTooLarge
	case fault.Internal:
		return fault.ErrInternal
	default:
		f = fault.New(kind, strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "-"), http.StatusText(status))
	}
	return f.Detailf("%s", strings.Join(details, "; "))
}

// ref is the task of a caller.
func ref(who auth.Principal, id string) lab.Ref { return lab.Ref{Owner: who.Owner, ID: id} }
