package frontend

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/problem"
)

// Sources opens images that are named by their URLs.
type Sources interface {
	// Open gives the bytes behind the URL and how many there are, -1 for
	// unknown.
	Open(ctx context.Context, rawURL string) (body io.ReadCloser, size int64, err error)
}

// ErrNoSources says that this frontend fetches nothing.
var ErrNoSources = fault.New(fault.Invalid, "no-sources", "images are not fetched here; send their bytes")

// Limits of what describes images.
const (
	maxDescription = 64 << 10 // bytes of a JSON body
	maxImages      = 100      // of one form
)

// submitIn is what a submission may say beside its body. labhttp.Submission
// reads it, for the simple API too; this describes it.
type submitIn struct {
	Pipeline    string   `query:"pipeline" doc:"What to do with it; absent: red and blue trade places" example:"resize:800x600/webp:80"`
	Outputs     string   `query:"outputs" doc:"Several results of it, each named" example:"large=resize:1600x1600|thumb=resize:256x256/webp"`
	Preset      string   `query:"preset" doc:"Instead of a pipeline" example:"thumbnail@2"`
	Partial     bool     `query:"partial" doc:"Take what is there of a damaged image"`
	Tag         []string `query:"tag,explode" doc:"To find it by; may come several times"`
	Priority    int      `query:"priority" minimum:"-9" maximum:"9" doc:"Higher goes first; above 0 only with the scope admin"`
	Keep        string   `query:"keep" doc:"How long after its end it is kept" example:"7d"`
	Callback    string   `query:"callback" doc:"An http or https URL that is called when it has ended"`
	Fresh       bool     `query:"fresh" doc:"Make it anew even if the same was made of the same image before"`
	Prefer      string   `header:"Prefer" doc:"wait=N waits up to N seconds, 60 at most, for its end (RFC 7240)" example:"wait=10"`
	Idempotency string   `header:"Idempotency-Key" maxLength:"128" doc:"Makes it safe to send again: the same key, by the same caller within a day, gives the same task"`
	Viewer      string   `header:"Accept" doc:"For the format auto: the image types that the viewer takes"`
}

// description is a submission of an image that is elsewhere, as JSON.
type description struct {
	URL    string `json:"url,omitempty" format:"uri" doc:"Where the image is fetched: http or https"`
	Upload string `json:"upload,omitempty" doc:"The ID of a finished upload"`
	Order
}

// Order is what is to be done with an image, as JSON.
type Order struct {
	Pipeline json.RawMessage `json:"pipeline,omitempty" doc:"Text or a list of operations"`
	Outputs  json.RawMessage `json:"outputs,omitempty" doc:"Text or an object"`
	Preset   string          `json:"preset,omitempty"`
	Partial  bool            `json:"partial,omitempty"`
	Tags     []string        `json:"tags,omitempty"`
	Priority int             `json:"priority,omitempty" minimum:"-9" maximum:"9"`
	Keep     string          `json:"keep,omitempty"`
	Callback string          `json:"callback,omitempty" format:"uri"`
	Fresh    bool            `json:"fresh,omitempty"`
}

// manyTasks answers a form with several images.
type manyTasks struct {
	Tasks []oneOfMany `json:"tasks" doc:"In the order of the images"`
}

// oneOfMany is what became of one image: either is there.
type oneOfMany struct {
	Task    *lab.Task        `json:"task,omitempty"`
	Problem *problem.Problem `json:"problem,omitempty"`
}

func (a *api) routeSubmit() {
	reg := a.huma.OpenAPI().Components.Schemas
	task := reg.Schema(typeOf[lab.Task](), true, "Task")
	many := reg.Schema(typeOf[manyTasks](), true, "ManyTasks")
	binary := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	header := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	stream(a, operation(huma.Operation{
		OperationID: "create-task", Method: http.MethodPost, Path: "/tasks", Tags: []string{"Tasks"}, Summary: "Hand an image in",
		Description: "The body is an image, a form with images in fields named `image` (text fields before them are parameters), or JSON that says where the image is.",
		Responses: map[string]*huma.Response{
			"200": {Description: "It has ended, or all of several have", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{task, many}}}},
				Headers: map[string]*huma.Param{"Location": header("The task, where it is one"), "Preference-Applied": header("wait=N")}},
			"202": {Description: "It is durable, and will be done", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{task, many}}}},
				Headers: map[string]*huma.Param{"Location": header("The task, where it is one"), "Retry-After": header("Seconds"), "Preference-Applied": header("wait=N")}},
		},
	}, auth.Submit, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity,
		http.StatusTooManyRequests, http.StatusBadGateway, http.StatusInsufficientStorage), auth.Submit, a.submit)
	// It is described once the resource is registered: huma would read it.
	a.huma.OpenAPI().Paths[prefix+"/tasks"].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"image/*":                           {Schema: binary},
		"application/octet-stream":          {Schema: binary},
		"application/x-www-form-urlencoded": {Schema: binary},
		"multipart/form-data":               {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"image": {Type: huma.TypeArray, Items: binary}}}},
		"application/json":                  {Schema: reg.Schema(typeOf[description](), true, "Description")},
	}}
}

// submit takes images in.
func (a *api) submit(w http.ResponseWriter, r *http.Request, who auth.Principal, in *submitIn) error {
	params, err := httpx.Query(r)
	if err != nil {
		return err
	}
	wait, err := preferredWait(in.Prefer)
	if err != nil {
		return err
	}
	contentType := r.Header.Get("Content-Type")
	if boundary, ok := labhttp.IsForm(contentType); ok {
		return a.submitForm(w, r, who, labhttp.NewForm(r.Body, boundary, params), params, wait)
	}
	var t lab.Task
	if isJSON(contentType) {
		t, err = a.submitElsewhere(w, r, who, params)
	} else {
		t, err = a.hand(r, who, params, photo{body: r.Body, size: r.ContentLength, contentType: contentType})
	}
	if err != nil {
		return err
	}
	return a.taken(w, r, who, t, wait)
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/json")
}

// photo is an image on its way in.
type photo struct {
	body        io.Reader
	size        int64
	contentType string
	key, keyOf  string // the idempotency key, if it is not the customer's own; see lab.Submission
}

// hand hands one image in.
func (a *api) hand(r *http.Request, who auth.Principal, params url.Values, p photo) (lab.Task, error) {
	s, err := wished(r, who, params)
	if err != nil {
		return lab.Task{}, err
	}
	s.Owner, s.ContentType, s.Size = who.Owner, p.contentType, p.size
	if p.key != "" {
		s.IdempotencyKey, s.KeyOf = p.key, p.keyOf
	}
	return a.Customers.Submit(r.Context(), s, labhttp.CutReader(p.body))
}

// wished is what a caller wants done with an image, and may.
func wished(r *http.Request, who auth.Principal, params url.Values) (lab.Submission, error) {
	s, err := labhttp.Submission(params, r.Header)
	if who.Link != "" {
		s.IdempotencyKey, s.KeyOf = who.Link, "link"
	}
	if err == nil && s.Priority > 0 && !who.Allows(auth.Admin) {
		err = auth.ErrForbidden.Detailf("a priority above 0 needs a key with the scope %s", auth.Admin)
	}
	return s, err
}

// submitForm takes every image of a form in. One that is refused does not keep
// the others out.
func (a *api) submitForm(w http.ResponseWriter, r *http.Request, who auth.Principal, form *labhttp.Form, params url.Values, wait time.Duration) error {
	var list []oneOfMany
	var first error
	for {
		part, err := form.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(list) == maxImages {
			err = lab.ErrSubmission.Detailf("a form has at most %d images", maxImages)
		}
		if err != nil {
			list, first = append(list, refused(err)), err
			break // what follows cannot be read
		}
		p := photo{body: part, size: lab.Unknown, contentType: part.Header.Get("Content-Type")}
		if key := r.Header.Get("Idempotency-Key"); key != "" && len(list) > 0 {
			p.key, p.keyOf = strings.TrimSpace(key), "image "+strconv.Itoa(len(list)+1)
		}
		t, err := a.hand(r, who, params, p)
		if err != nil {
			list, first = append(list, refused(err)), err
			_ = a.rt.Note(r, err) // it has been told of in the answer
			continue
		}
		list = append(list, oneOfMany{Task: &t})
	}
	switch {
	case len(list) == 0:
		return lab.ErrNoImage
	case len(list) > 1:
		return a.takenMany(w, r, who, list, wait)
	case first != nil:
		return first
	}
	return a.taken(w, r, who, *list[0].Task, wait)
}

func refused(err error) oneOfMany {
	p := problem.Of(err)
	return oneOfMany{Problem: &p}
}

// submitElsewhere takes an image in that is behind a URL or was uploaded before.
func (a *api) submitElsewhere(w http.ResponseWriter, r *http.Request, who auth.Principal, params url.Values) (lab.Task, error) {
	var d description
	if err := httpx.ReadJSON(w, r, maxDescription, &d); err != nil {
		return lab.Task{}, err
	}
	d.addTo(params)
	switch {
	case (d.URL == "") == (d.Upload == ""):
		return lab.Task{}, lab.ErrSubmission.Detailf("say where the image is: either url or upload")
	case d.URL != "" && a.Sources == nil, d.Upload != "" && a.Uploads == nil:
		return lab.Task{}, ErrNoSources
	case d.URL != "":
		return a.handSource(r, who, params, d.URL)
	}
	return a.handUpload(r, who, params, d.Upload)
}

// handSource fetches an image, unless it is known before that nothing can be
// done with it.
func (a *api) handSource(r *http.Request, who auth.Principal, params url.Values, source string) (lab.Task, error) {
	s, err := wished(r, who, params)
	if err != nil {
		return lab.Task{}, err
	}
	if err := a.permit(r.Context(), s); err != nil {
		return lab.Task{}, err
	}
	body, size, err := a.Sources.Open(r.Context(), source)
	if err != nil {
		return lab.Task{}, err
	}
	defer body.Close()
	return a.hand(r, who, params, photo{body: body, size: size})
}

// permit judges a submission whose image is not there yet.
func (a *api) permit(ctx context.Context, s lab.Submission) error {
	return guard{limits: a.Limits, resolve: a.Resolve}.permit(ctx, s)
}

// handUpload makes a task of a finished upload. Asked for again after a lost
// answer, it is the same task.
func (a *api) handUpload(r *http.Request, who auth.Principal, params url.Values, id string) (lab.Task, error) {
	f, err := a.Uploads.Open(r.Context(), who.Owner, id)
	if err != nil {
		return lab.Task{}, err
	}
	if f.Task != "" {
		return a.Customers.Task(r.Context(), lab.Ref{Owner: who.Owner, ID: f.Task}, 0)
	}
	defer f.Body.Close()
	p := photo{body: f.Body, size: f.Size}
	if r.Header.Get("Idempotency-Key") == "" {
		p.key, p.keyOf = id, "upload"
	}
	t, err := a.hand(r, who, params, p)
	if err != nil {
		return lab.Task{}, err
	}
	if err := a.Uploads.Done(r.Context(), who.Owner, id, t.ID); err != nil { // it expires by itself
		a.Log.WarnContext(r.Context(), "an upload stays behind", "upload", id, "error", err)
	}
	return t, nil
}

// addTo puts what is said into parameters as the query has them.
func (d Order) addTo(params url.Values) {
	for name, value := range map[string]string{
		"pipeline": unquoted(d.Pipeline), "outputs": unquoted(d.Outputs), "preset": d.Preset, "keep": d.Keep, "callback": d.Callback,
	} {
		if value != "" {
			params.Add(name, value)
		}
	}
	for _, tag := range d.Tags {
		params.Add("tag", tag)
	}
	for name, set := range map[string]bool{"partial": d.Partial, "fresh": d.Fresh} {
		if set {
			params.Add(name, "true")
		}
	}
	if d.Priority != 0 {
		params.Add("priority", strconv.Itoa(d.Priority))
	}
}

// unquoted is a JSON text, and for a string what it says.
func unquoted(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// taken answers for a task that is durable, perhaps once it has ended.
func (a *api) taken(w http.ResponseWriter, r *http.Request, who auth.Principal, t lab.Task, wait time.Duration) error {
	t = a.awaited(r.Context(), who, t, wait)
	w.Header().Set("Location", taskPath(t.ID))
	return handedIn(w, t.State.Ended(), withURLs(t), wait)
}

// takenMany answers for the images of a form, perhaps once all tasks have ended,
// for which it waits no longer than for one.
func (a *api) takenMany(w http.ResponseWriter, r *http.Request, who auth.Principal, list []oneOfMany, wait time.Duration) error {
	ended, until := true, time.Now().Add(wait)
	for i, one := range list {
		if one.Task == nil {
			continue
		}
		t := withURLs(a.awaited(r.Context(), who, *one.Task, time.Until(until)))
		list[i].Task, ended = &t, ended && t.State.Ended()
	}
	return handedIn(w, ended, manyTasks{list}, wait)
}

// handedIn answers with what has been made of what was handed in.
func handedIn(w http.ResponseWriter, ended bool, body any, wait time.Duration) error {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if wait > 0 {
		h.Set("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds())))
	}
	if ended {
		return httpx.WriteJSON(w, http.StatusOK, body)
	}
	h.Set("Retry-After", strconv.Itoa(askAgain))
	return httpx.WriteJSON(w, http.StatusAccepted, body)
}

// awaited is the task after the wait, if there is one. It is durable: nothing
// that goes wrong from here on is the submission's.
func (a *api) awaited(ctx context.Context, who auth.Principal, t lab.Task, wait time.Duration) lab.Task {
	if wait <= 0 || t.State.Ended() {
		return t
	}
	waiting, cancel := httpx.Wait(ctx)
	defer cancel()
	if later, err := a.Customers.Task(waiting, ref(who, t.ID), wait); err == nil {
		return later
	}
	return t
}

var waitPreference = regexp.MustCompile(`(?i)(?:^|[,;])\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:$|[,;])`)

// preferredWait is how long the caller prefers to wait: at most lab.MaxWait.
func preferredWait(prefer string) (time.Duration, error) {
	m := waitPreference.FindStringSubmatch(prefer)
	if m == nil {
		return 0, nil // preferences that are not known are ignored (RFC 7240, 2)
	}
	n, err := strconv.Atoi(m[1])
	return min(time.Duration(n)*time.Second, lab.MaxWait), err
}
