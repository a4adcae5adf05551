// Reading a scan through a window, in which no byte is stuffed (T.81, F.1.2.3).
//
// Bounds: the window has room for what is kept of two rows, for ML_WINDOW bytes of data
// and, behind them, for a whole unit of zeros and what is looked at ahead. What is kept
// begins where a row does, and is let go when the next but one begins, so it is less
// than two rows' units of ML_UNIT_MOST and ML_AHEAD bytes. Before each unit ml_ready has either a whole unit of data in the window, or all that there is up to a
// marker, with the zeros behind it. A unit uses at most ML_UNIT_MOST bytes, so
// reading it cannot leave the window, whatever its codes are; ml_within says
// afterwards whether it used zeros.
#include "reader.h"

#include <string.h>

int
ml_reader(MlReader *r, const MlHead *head, uint8_t *window)
{
	memset(r, 0, sizeof(*r));
	r->in = head->data + head->scan;
	r->end = head->data + head->length;
	r->window = window;
	r->bytes.first = window;
	r->at.p = r->limit = window;
	r->row = r->kept = UINT64_MAX;
	r->restart = r->units = head->restart;
	for (int i = 0; i < head->components; i++)
		if (ml_decoder(&r->codes[i][0], &head->dc[i], 1) || ml_decoder(&r->codes[i][1], &head->ac[i], 0))
			return ML_STRANGE;
	return ml_refill(r);
}

// pass_mark looks at what is behind an FF: a byte that was stuffed, fill bytes,
// or a marker.
static int
pass_mark(MlReader *r)
{
	const uint8_t *first = r->in;

	while (r->in < r->end && *r->in == 0xff)
		r->in++;
	if (r->in == r->end)
		return ML_STRANGE; // cut off
	r->mark = *r->in++;
	if (r->mark == 0 && r->in - first > 2)
		return ML_STRANGE; // fill bytes are for markers; of these here libjpeg makes something else
	if (r->mark == 0)
		*r->limit++ = 0xff;
	return ML_DONE;
}

void
ml_begin_row(MlReader *r)
{
	uint64_t here = ml_place(r, &r->at) / 8;

	r->kept = r->row < here ? r->row : here;
	r->row = here;
}

// ml_refill moves what is kept to the start of the window and fills it up.
int
ml_refill(MlReader *r)
{
	size_t done = r->at.p - r->window;
	const uint8_t *most;

	if (r->kept < r->bytes.before + done)
		done = r->kept - r->bytes.before;
	if (done > 0)
		memmove(r->window, r->window + done, r->limit - r->window - done);
	r->bytes.before += done;
	r->at.p -= done;
	r->limit -= done;
	most = r->at.p + ML_WINDOW;
	while (!r->mark && r->limit < most) {
		size_t room = most - r->limit, there = r->end - r->in, n = room < there ? room : there;
		const uint8_t *ff = memchr(r->in, 0xff, n);

		if (ff)
			n = ff - r->in;
		memcpy(r->limit, r->in, n);
		r->limit += n;
		r->in += n;
		if (r->in == r->end)
			return ML_STRANGE;
		if (ff && pass_mark(r))
			return ML_STRANGE;
	}
	if (r->mark)
		memset(r->limit, 0, ML_UNIT_MOST + 2 * ML_AHEAD);
	return ML_DONE;
}

// is_used_up says that only what fills a byte is left before the marker.
static int
is_used_up(const MlReader *r)
{
	long left = 8 * (long) (r->limit - r->at.p) + r->at.count;

	return r->mark && left >= 0 && left < 8;
}

int
ml_restart(MlReader *r)
{
	if (!is_used_up(r) || r->mark != 0xd0 + r->number)
		return ML_STRANGE;
	r->number = (r->number + 1) & 7;
	r->units = r->restart - 1;
	r->mark = r->at.count = 0;
	r->at.bits = 0;
	memset(r->dc, 0, sizeof(r->dc));
	r->at.p = r->limit;
	return ml_refill(r);
}

int
ml_finish(MlReader *r)
{
	return is_used_up(r) && r->mark == 0xd9 ? ML_DONE : ML_STRANGE;
}
