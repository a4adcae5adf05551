#include "vips.h"

void
ml_hold(VipsImage *image, VipsImage *source)
{
	g_object_ref(source);
	vips_object_local(image, source);
}
