// The maps of colours, with the steps of source and result in them.
//
// Bounds: loops go over 64 steps of ML_COMPONENTS components, and over 3 colours.
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
	if (head->components > 1)
		prepare_return(c, o);
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
	memcpy(c->rgb, o->rgb, sizeof(c->rgb));
	memcpy(c->back, back, sizeof(c->back));
	memcpy(c->chroma, o->chroma, sizeof(c->chroma));
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 3; j++) {
			float f = i < 3 ? forth[i][j] : 0;

			for (int k = 0; i >= 3 && k < 3; k++)
				f += o->rgb[i - 3][k] * forth[k][j];
			c->rise[j][i] = f > 0 ? f : 0;
			c->fall[j][i] = f < 0 ? f : 0;
			c->plus[i] = i < 3 ? 0 : o->rgb[i - 3][3];
		}
	memcpy(c->colours, forth, sizeof(forth));
	for (int i = 0; i < head->components; i++)
		for (int k = 0; k < 64; k++) {
			c->steps[i][k / 8][k % 8] = head->quant[i][k];
			c->unscale[i][k / 8][k % 8] = 1.0f / o->quant[i][k];
		}
}
