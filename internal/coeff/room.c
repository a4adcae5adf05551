// The memory that a lane works with.
//
// Bounds: the sizes are those that the loops of lane.c and of the kernel go by: units in
// a row of the source, blocks of a unit, and of what is kept, blocks of the result.
#include "lane.h"

#include <stdlib.h>
#include <string.h>

static void *
allot(MlLane *l, size_t count, size_t size)
{
	void *p = NULL;

	if (l->allotted < (int) (sizeof(l->memory) / sizeof(*l->memory)) && posix_memalign(&p, 64, count * size + 64) == 0)
		l->memory[l->allotted++] = p;
	return p;
}

// allot_rows allots two rows of the source.
static int
allot_rows(MlLane *l)
{
	for (int i = 0; i < 2; i++)
		for (int c = 0; c < l->shape.components; c++) {
			size_t blocks = (size_t) l->shape.across * (c ? 1 : l->shape.h * l->shape.v);

			if (l->carries[c] && !(l->carried[i][c] = allot(l, blocks, sizeof(MlCarried))))
				return ML_MEMORY;
			if (l->carries[c] && !l->recoloured)
				continue;
			if (!(l->rows[i][c] = allot(l, blocks, 64 * sizeof(int16_t))))
				return ML_MEMORY;
		}
	return ML_DONE;
}

// allot_clips allots what is needed where colours leave their range.
static int
allot_clips(MlLane *l)
{
	const MlShape *s = &l->shape;
	size_t blocks = (size_t) s->across;

	if (!(l->clipped = allot(l, blocks, 1)))
		return ML_MEMORY;
	for (int c = 0; c < s->components; c++)
		if (!(l->made[c] = allot(l, blocks * (c ? 1 : s->h * s->v), 64 * sizeof(int16_t))))
			return ML_MEMORY;
	for (int i = 0; i < 3 && s->components > 1; i++) {
		MlSamples *to = &l->samples[i];

		to->blocks = allot(l, 2 * blocks, 64 * sizeof(int16_t));
		to->range = allot(l, 2 * blocks, sizeof(MlRange));
		to->at = allot(l, 2 * blocks, 8 * sizeof(MlVector));
		to->decoded = allot(l, blocks, 1);
		if (!to->blocks || !to->range || !to->at || !to->decoded)
			return ML_MEMORY;
	}
	return ML_DONE;
}

// allot_blocks allots the coefficients of the whole picture.
static int
allot_blocks(MlLane *l)
{
	size_t kept = 0;

	for (int c = 0; c < l->result.shape.components; c++) {
		MlPlane *p = &l->planes[c];
		size_t blocks = (size_t) p->across * p->down;

		kept += blocks * 64 * sizeof(int16_t);
		if (kept > ML_KEPT_MOST)
			return ML_STRANGE;
		if (!(p->blocks = allot(l, blocks, 64 * sizeof(int16_t))))
			return ML_MEMORY;
	}
	return ML_DONE;
}

static int
allot_reader(MlLane *l)
{
	size_t units = l->carries[0] ? 2 * (size_t) l->shape.across : 0;

	if (!(l->reader = allot(l, 1, sizeof(*l->reader))) || !(l->window = allot(l, 1, ML_WINDOW_SIZE(units))))
		return ML_MEMORY;
	return ML_DONE;
}

int
ml_lane_allot(MlLane *l, const MlHead *head)
{
	size_t blocks = (size_t) l->shape.across;
	int status;

	if ((status = allot_reader(l)) || (status = allot_rows(l)))
		return status;
	for (int i = 0; i < 3; i++) {
		if (!(l->shared[i] = allot(l, blocks, 8 * sizeof(MlVector))))
			return ML_MEMORY;
		memset(l->shared[i], 0, blocks * 8 * sizeof(MlVector)); // and so it stays without chroma
	}
	if (!(l->lines = allot(l, blocks, 2 * sizeof(MlVector))) || (l->order->clips && allot_clips(l)))
		return ML_MEMORY;
	if (ml_keeps_codes(l))
		return ml_kept(&l->kept, l->order, l->planes, l->result.shape.components, head->length);
	return ml_keeps_blocks(l) ? allot_blocks(l) : ML_DONE;
}

void
ml_lane_free(MlLane *l)
{
	for (int i = 0; i < l->allotted; i++)
		free(l->memory[i]);
	ml_kept_free(&l->kept);
}
