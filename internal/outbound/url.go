package outbound

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// maxURL bounds what is taken as a URL, in bytes.
const maxURL = 4096

// Check is ErrURL unless the text is a URL of http or https with a host and
// without a user, and ErrAddress if the host is an address that may not be
// asked. A name is not looked up: it is judged when it is asked.
func (c *Client) Check(rawURL string) error {
	_, err := c.parse(rawURL)
	return err
}

func (c *Client) parse(rawURL string) (*url.URL, error) {
	if len(rawURL) > maxURL {
		return nil, ErrURL.Detailf("a URL has at most %d bytes", maxURL)
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, ErrURL.Because(err)
	}
	return u, c.check(u)
}

func (c *Client) check(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return ErrURL.Detailf("a URL begins with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return ErrURL.Detailf("a URL names a host")
	case u.User != nil:
		return ErrURL.Detailf("a URL has no user and no password")
	case !validPort(u):
		return ErrURL.Detailf("a port is a number from 1 to 65535")
	case !c.mayName(u.Hostname()):
		return forbidden(errNotPublic)
	}
	return nil
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n > 0 && n < 1<<16
}

// number is how the last label of a host looks that some resolvers take for an
// address, such as 0x7f.1, as the URL standard has it.
var number = regexp.MustCompile(`(^|\.)([0-9]+|0[xX][0-9a-fA-F]*)\.?$`)

// mayName says whether a host is a name, or an address that may be asked.
func (c *Client) mayName(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return c.guard.allows(addr)
	}
	return !number.MatchString(host)
}

// redirect judges each hop as if it had been named in the first place.
func (c *Client) redirect(next *http.Request, past []*http.Request) error {
	if c.cfg.Redirects == 0 {
		return http.ErrUseLastResponse
	}
	if len(past) > c.cfg.Redirects {
		return ErrRefused.Detailf("the source redirects more than %d times", c.cfg.Redirects)
	}
	next.Header.Del("Referer") // the URL before may hold a secret
	if err := c.check(next.URL); err != nil {
		if ErrURL.Is(err) {
			return ErrRefused.Detailf("the source redirects to what is no URL that can be asked").Because(err)
		}
		return err
	}
	return nil
}

// forbidden says the same of every address that may not be asked, and of names
// that do not exist: whether there is such a name may be a secret too.
func forbidden(cause error) error {
	return ErrAddress.Detailf("the address, or one that it redirects to, is not on the public internet, and its network is not allowed here").Because(cause)
}
