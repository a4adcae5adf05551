// The maps of colours, with the steps of source and result in them.
//
// Bounds: loops go over 64 steps of ML_COMPONENTS components, and over 3 colours.
// A weight is at most 32767, since shares are divided by the largest of them.
#include "colours.h"

#include <math.h>
#include <string.h>

int
ml_recolours(const MlHead *head, const MlOrder *o)
{
	int same = o->luma[0] == 1 && o->luma[1] == 0 && o->luma[2] == 0 && o->add == 0;

	if (!o->grey && head->components > 1)
		same = same && o->chroma[0][0] == 1 && o->chroma[0][1] == 0 && o->chroma[1][0] == 0 && o->chroma[1][1] == 1;
	return !same || memcmp(head->quant, o->quant, (o->grey ? 1 : head->components) * sizeof(head->quant[0])) != 0;
}

// prepare_return: half of what luma gets comes from the chroma before it is rounded,
// half from that after it, taken back through the inverse map. What the inverse
// order adds then is the same with the other sign, and a swap done twice gives luma
// back; nor is any other mixture nearer to what is right for red, green and blue.
// Only for maps that keep the size of errors, as those of swap do, and not where
// chroma waits to be altered until the row above has had its share of it.
static void
prepare_return(MlColours *c, const MlOrder *o)
{
	float determinant = o->chroma[0][0] * o->chroma[1][1] - o->chroma[0][1] * o->chroma[1][0];
	float share[2] = {
		(o->luma[1] * o->chroma[1][1] - o->luma[2] * o->chroma[1][0]) / determinant,
		(o->luma[2] * o->chroma[0][0] - o->luma[1] * o->chroma[0][1]) / determinant,
	};

	c->returns = !o->grey && !o->clips && fabsf(fabsf(determinant) - 1) < 1e-3f;
	for (int k = 0; k < 64 && c->returns; k++)
		for (int i = 0; i < 2; i++) {
			c->shared[i][k / 8][k % 8] /= 2;
			c->back[i][k / 8][k % 8] = share[i] * o->quant[1 + i][k] / 2;
		}
}

void
ml_colours(MlColours *c, const MlHead *head, const MlOrder *o)
{
	memset(c, 0, sizeof(*c));
	c->grey = o->grey;
	c->shares = head->components > 1 && (o->luma[1] != 0 || o->luma[2] != 0);
	c->mixes = c->shares || o->chroma[0][1] != 0 || o->chroma[1][0] != 0;
	c->add = (MlVector) { 8 * o->add / o->quant[0][0] }; // 8: what the transform makes of a block of ones
	for (int k = 0; k < 64; k++) {
		c->unscale[k / 8][k % 8] = 1.0f / o->quant[0][k];
		c->own[k / 8][k % 8] = o->luma[0] * head->quant[0][k] / o->quant[0][k];
		for (int i = 0; i < 2 && head->components > 1; i++) {
			c->shared[i][k / 8][k % 8] = o->luma[1 + i] * head->quant[1 + i][k];
			for (int j = 0; j < 2 && !o->grey; j++)
				c->cross[i][j][k / 8][k % 8] = o->chroma[i][j] * head->quant[1 + j][k] / o->quant[1 + i][k];
		}
	}
	if (c->shares)
		prepare_return(c, o);
}

// What the transform wants a line's coefficients times, cos(k pi / 16) / 2 but for
// the first; and the most of a sample by a coefficient of 1.
static const double scales[8] = { 0.35355339059, 0.49039264020, 0.46193976626, 0.41573480615, 0.35355339059, 0.27778511651, 0.19134171618, 0.09754516101 };
static const double peaks[8] = { 0.35355339060, 0.49039264021, 0.46193976626, 0.49039264021, 0.35355339060, 0.49039264021, 0.46193976626, 0.49039264021 };

static void
prepare_reach(MlReach *r, const uint16_t quant[64])
{
	double share[64] = { 0 }, largest = 0;

	for (int k = 1; k < 64; k++) {
		share[k] = quant[k] * peaks[k / 8] * peaks[k % 8];
		largest = share[k] > largest ? share[k] : largest;
	}
	for (int k = 1; k < 64; k++)
		r->weights[k] = (int) (share[k] / largest * 32766) + 1;
	r->unit = largest / 32766;
	r->first = quant[0] / 8.0f;
}

// leads_out says that the map makes some colour of those in range one that is not.
static int
leads_out(const MlOrder *o)
{
	const float slack = 0.01f; // of rounding

	for (int i = 0; i < 3; i++) {
		float low = o->rgb[i][3], high = o->rgb[i][3];

		for (int k = 0; k < 3; k++) {
			float f = o->rgb[i][k];

			low += f < 0 ? 127 * f : -128 * f;
			high += f < 0 ? -128 * f : 127 * f;
		}
		if (low < -128 - slack || high > 127 + slack)
			return 1;
	}
	return 0;
}

// ml_clip needs the colours of YCbCr and the way back (T.871, 7).
void
ml_clip(MlClip *c, const MlHead *head, const MlOrder *o)
{
	static const float forth[3][3] = { { 1, 0, 1.402f }, { 1, -0.344136286f, -0.714136286f }, { 1, 1.772f, 0 } };
	static const float back[3][3] = {
		{ 0.299f, 0.587f, 0.114f }, { -0.168735892f, -0.331264108f, 0.5f }, { 0.5f, -0.418687589f, -0.0813124108f }
	};

	memset(c, 0, sizeof(*c));
	c->grey = o->grey;
	memcpy(c->chroma, o->chroma, sizeof(c->chroma));
	memcpy(c->colours, forth, sizeof(forth));
	memcpy(c->rgb, o->rgb, sizeof(c->rgb));
	c->leads = leads_out(o);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 4; j++)
			for (int k = 0; k < 3; k++)
				c->made[i][j] += back[i][k] * (c->leads ? k == j : o->rgb[k][j]);
	for (int i = 0; i < head->components; i++) {
		prepare_reach(&c->reach[i], head->quant[i]);
		for (int k = 0; k < 64; k++) {
			double scale = scales[k / 8] * scales[k % 8];

			c->scale[i][k / 8][k % 8] = head->quant[i][k] * scale;
			c->unscale[i][k / 8][k % 8] = 1 / (64 * scale * o->quant[i][k]);
		}
	}
}
