package storagetest

import (
	"bytes"
	"slices"
	"strings"

	"minilab/internal/storage"
)

var keyCases = []testCase{
	{"keys that differ in any byte are different", differentKeys},
	{"a key is 1 to 512 bytes of UTF-8 without a zero byte", refusedKeys},
	{"the states are separate", separateStates},
	{"there are no other states", noOtherState},
}

// longest has as many bytes as a key may have.
var longest = strings.Repeat("k", storage.MaxKey)

// awkward keys are those that somebody's file system, URL, header or encoding
// takes for another one.
var awkward = []string{
	"0198c0de-7a11-7000-8000-5ca1ab1e0001", "0198c0de-7a11-7000-8000-5ca1ab1e0001.3", "0198c0de-7a11-7000-8000-5ca1ab1e0001.3.small",
	".", "..", "...", "../x", "../../etc/passwd", "./x", "x/.", "x/..", "a/../b", "a/./b", "/..", "..%2f",
	"/", "//", "/a", "//a", "a/", "a//", "a/b", "a//b", "a///b", "a\\b", "\\",
	"%", "%%", "%2F", "%2f", "a%2Fb", "a%2fb", "a%252Fb", "%2e", "%2E", "%2e%2e", "%00", "%zz", "a+b", "a b", "a%20b",
	"?", "#", "&", " ", "?#& ", "a?b=c", "a#b", "a;b", "a=b", "a:b", "a,b", "a@b", "http://a/b", "'", "\"", "<a>", "|", "*", "$", "`", "!", "{}", "[]", "^",
	"é", "e\u0301", "É", "ß", "ss", "日本語", "😀", "\u2028", "\u200b", "\ufeff", "\ufffd", "ı", "i", "I", "K", "\u212a",
	"\n", "a\nb", "a\rb", "a\r\nb", "\t", "\x01", "\x7f", " a", "a ", "a.", "a..", ".a",
	"a", "A", "aa", "Aa", "aA", "AA", "photo.jpg", "photo.JPG", "Photo.jpg",
	"con", "CON", "nul", "nul.txt", "com1", "aux.", "lpt1.jpg", "desktop.ini", "thumbs.db", ".ds_store",
	"-", "--", "-rf", "_", "~", "~a", ".hidden", ".tmp-", ".tmp-1", ".tmp-AAAAAAAAAAAAAAAAAAAAAAAAAA", "tmp", ".lock", "storage.lock",
	"inProgress", "finished", "inProgress/a", "finished/a", "index.html", "list", "?cursor=", "uploads", ".json", "a.json", "a.meta",
	longest, longest[1:] + "j", longest[1:], strings.ToUpper(longest), strings.Repeat("/", storage.MaxKey), strings.Repeat("é", storage.MaxKey/2),
	strings.Repeat("\x01", storage.MaxKey), "~" + digest([]byte(longest)), digest([]byte(longest)), "%7e" + digest([]byte(longest)),
	strings.Repeat("a", 198), strings.Repeat("a", 199), strings.Repeat("a", 200), strings.Repeat("a", 201), strings.Repeat("a", 255), strings.Repeat("a", 256),
	strings.Repeat("A", 66), strings.Repeat("A", 67), strings.Repeat("a", 197) + "%41", strings.Repeat("a", 197) + "A",
}

func differentKeys(s *suite) {
	for i, key := range awkward {
		s.put(storage.Finished, key, some(100+i, uint64(i)))
	}
	for i, key := range awkward {
		s.has(storage.Finished, key, some(100+i, uint64(i)))
	}
	if got, want := keysOf(s.all(storage.Finished, 10)), slices.Sorted(slices.Values(awkward)); !slices.Equal(got, want) {
		s.Errorf("listed are\n%q, want\n%q", got, want)
	}
	for i, key := range awkward {
		if err := s.Delete(s.Context(), storage.Finished, key); err != nil {
			s.Errorf("Delete %q: %v", key, err)
		}
		s.hasNot(storage.Finished, key)
		if i%10 != 0 {
			continue
		}
		if left := s.all(storage.Finished, 0); len(left) != len(awkward)-i-1 {
			s.Fatalf("deleting %q left %d images, want %d", key, len(left), len(awkward)-i-1)
		}
	}
}

func refusedKeys(s *suite) {
	for _, key := range []string{"", "\x00", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", longest + "k", strings.Repeat("k", 4096)} {
		s.unchanged(func() {
			_, err := s.Put(s.Context(), storage.Finished, key, bytes.NewReader([]byte("x")), unknown)
			s.is(err, storage.ErrKey)
		})
		_, err := s.Get(s.Context(), storage.Finished, key, storage.Part{})
		s.is(err, storage.ErrKey)
		_, err = s.Stat(s.Context(), storage.Finished, key)
		s.is(err, storage.ErrKey)
		s.is(s.Delete(s.Context(), storage.Finished, key), storage.ErrKey)
	}
}

func separateStates(s *suite) {
	s.put(storage.InProgress, "both", []byte("before"))
	s.put(storage.Finished, "both", []byte("after"))
	s.put(storage.InProgress, "one", []byte("before"))
	s.has(storage.InProgress, "both", []byte("before"))
	s.has(storage.Finished, "both", []byte("after"))
	s.hasNot(storage.Finished, "one")
	if err := s.Delete(s.Context(), storage.Finished, "both"); err != nil {
		s.Fatal(err)
	}
	s.hasNot(storage.Finished, "both")
	s.has(storage.InProgress, "both", []byte("before"))
	if got := keysOf(s.all(storage.InProgress, 0)); !slices.Equal(got, []string{"both", "one"}) {
		s.Errorf("inProgress lists %q", got)
	}
	if got := s.all(storage.Finished, 0); len(got) != 0 {
		s.Errorf("finished lists %v", got)
	}
}

func noOtherState(s *suite) {
	for _, state := range []storage.State{"", "inprogress", "in-progress", "Finished", "..", "finished/x"} {
		_, err := s.Put(s.Context(), state, "a", bytes.NewReader(nil), unknown)
		s.is(err, storage.ErrState)
		_, err = s.Get(s.Context(), state, "a", storage.Part{})
		s.is(err, storage.ErrState)
		_, err = s.Stat(s.Context(), state, "a")
		s.is(err, storage.ErrState)
		s.is(s.Delete(s.Context(), state, "a"), storage.ErrState)
		_, err = s.List(s.Context(), state, "", 0)
		s.is(err, storage.ErrState)
	}
}
