package frontend

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
)

// errNoLinks says that this frontend makes no links.
var errNoLinks = fault.New(fault.NotFound, "no-links", "no links are made here")

// linkLife is how long a link is good where nothing else is said.
const linkLife = time.Hour

// linkBody says what a link is for: one picture, or one upload.
type linkBody struct {
	Task     string       `json:"task,omitempty" maxLength:"64" doc:"The task of which the link fetches a picture"`
	Output   string       `json:"output,omitempty" maxLength:"64" doc:"Which result, by its name; absent: the first one"`
	Original bool         `json:"original,omitempty" doc:"The image that was handed in, not a result"`
	Download bool         `json:"download,omitempty" doc:"Have browsers keep it as a file"`
	Upload   *uploadOrder `json:"upload,omitempty" doc:"Instead of a task: the link takes one image in, for this to be done with it"`
	Expires  string       `json:"expires,omitempty" doc:"After how long it is good for nothing: 1s to 30d; absent: 1h" example:"24h"`
}

// uploadOrder is what is done with an image that comes by a link.
type uploadOrder struct {
	Order
	MaxBytes int64 `json:"maxBytes,omitempty" minimum:"1" doc:"What the image may have, within the limits of the lab"`
}

type linkIn struct{ Body linkBody }

type linkOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		URL       string    `json:"url" format:"uri-reference" doc:"Below the root of this server: for GET and HEAD, or for POST with the image as the body"`
		ExpiresAt time.Time `json:"expiresAt"`
	}
}

type rotationIn struct {
	Body struct {
		Forget bool `json:"forget,omitempty" doc:"All links that there are end"`
	}
}

func (a *api) routeLinks() {
	tags := []string{"Links"}
	op := operation(huma.Operation{
		OperationID: "create-link", Method: http.MethodPost, Path: "/links", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Make a URL by which one picture is fetched, or one image handed in, without a key",
		Description: "Needs the scope `read` for a picture of a task, and `submit` for an upload. The link ends with the key that it was made with.",
	}, auth.Read, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	op.Middlewares = huma.Middlewares{a.needs(auth.Read, auth.Submit)}
	op.Security = append(op.Security, map[string][]string{"key": {string(auth.Submit)}}) // either
	huma.Register(a.huma, op, func(ctx context.Context, in *linkIn) (*linkOut, error) {
		out, err := a.createLink(ctx, auth.From(ctx), in.Body)
		if err != nil {
			return nil, a.told(ctx, err)
		}
		return out, nil
	})
	resource(a, operation(huma.Operation{
		OperationID: "rotate-links", Method: http.MethodPost, Path: "/links/rotation", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Sign links with a new key from now on",
	}, auth.Admin), auth.Admin, func(ctx context.Context, _ auth.Principal, in *rotationIn) (*struct{}, error) {
		if a.Links == nil {
			return nil, errNoLinks
		}
		return nil, a.Links.Rotate(ctx, in.Body.Forget)
	})
}

func (a *api) createLink(ctx context.Context, who auth.Principal, wish linkBody) (*linkOut, error) {
	if a.Links == nil {
		return nil, errNoLinks
	}
	expires, err := linkExpiry(wish.Expires, time.Now())
	if err != nil {
		return nil, err
	}
	link, err := a.linkFor(ctx, who, wish)
	if err != nil {
		return nil, err
	}
	link.Expires = expires
	out := &linkOut{CacheControl: "no-store"}
	out.Body.ExpiresAt = expires
	out.Body.URL, err = a.Links.Sign(ctx, who, link)
	return out, err
}

// linkExpiry reads when a link expires, to the second.
func linkExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		text = linkLife.String()
	}
	life, err := lab.ParseKeep(text)
	if err != nil {
		return time.Time{}, auth.ErrLink.Detailf("%.40q is not a time such as 24h or 7d", text)
	}
	if life > auth.MaxLink {
		return time.Time{}, auth.ErrLink.Detailf("a link expires after 30d at most")
	}
	at := now.Add(life).UTC().Truncate(time.Second)
	if at.Sub(now) < auth.MinLink { // of a second what is left is less
		at = at.Add(time.Second)
	}
	return at, nil
}

func (a *api) linkFor(ctx context.Context, who auth.Principal, wish linkBody) (auth.Link, error) {
	picture := wish.Task != "" || wish.Output != "" || wish.Original || wish.Download
	switch {
	case picture == (wish.Upload != nil), picture && wish.Task == "":
		return auth.Link{}, auth.ErrLink.Detailf("a link is for a task or for an upload: say one of them")
	case picture && wish.Original && wish.Output != "":
		return auth.Link{}, auth.ErrLink.Detailf("a link is for an output or for the original, not both")
	case picture:
		return a.pictureLink(ctx, who, wish)
	}
	return a.uploadLink(ctx, who, *wish.Upload)
}

// pictureLink is for a picture of a task that is the caller's, finished or not.
func (a *api) pictureLink(ctx context.Context, who auth.Principal, wish linkBody) (auth.Link, error) {
	if err := who.Check(auth.Read); err != nil {
		return auth.Link{}, err
	}
	t, err := a.Customers.Task(ctx, ref(who, wish.Task), 0)
	if err != nil {
		return auth.Link{}, err
	}
	link := auth.Link{Method: http.MethodGet, Path: taskPath(t.ID) + "/result", Query: url.Values{}}
	switch {
	case wish.Original:
		link.Path = taskPath(t.ID) + "/original"
	case wish.Output != "":
		if !slices.ContainsFunc(t.Outputs, func(o lab.Made) bool { return o.Name == wish.Output }) {
			return link, lab.ErrOutputName
		}
		link.Path += "/" + url.PathEscape(wish.Output)
	}
	if wish.Download {
		link.Query.Set("download", "true")
	}
	return link, nil
}

// uploadLink is for an image to be handed in. What is wrong with what is asked
// for is said to who makes the link, not to who uses it.
func (a *api) uploadLink(ctx context.Context, who auth.Principal, o uploadOrder) (auth.Link, error) {
	link := auth.Link{Method: http.MethodPost, Path: prefix + "/tasks", Query: url.Values{}, MaxBytes: o.MaxBytes}
	if err := who.Check(auth.Submit); err != nil {
		return link, err
	}
	o.addTo(link.Query)
	s, err := labhttp.Submission(link.Query, http.Header{})
	if err != nil {
		return link, err
	}
	if s.Priority > 0 {
		return link, auth.ErrLink.Detailf("what comes by a link has a priority of 0 at most, got %s", strconv.Itoa(s.Priority))
	}
	return link, a.permit(ctx, s)
}
