// Colour of an image of 1 or 3 channels, changed in place, equal to Pillow's ImageEnhance and torchvision's
// adjust_hue on every byte. Factor 1 changes nothing, 0 gives the plain image, more than 1 exaggerates.
#pragma once

#include "data/image.h"

namespace cf::data {

void adjust_brightness(Image& image, float factor);  // plain: black
void adjust_contrast(Image& image, float factor);    // plain: the average grey, rounded
void adjust_saturation(Image& image, float factor);  // plain: the image's grey; "Color" in Pillow
// Plain: the mean of 3x3 pixels, the middle one five times; the border as it is. `scratch` is overwritten.
void adjust_sharpness(Image& image, float factor, Image& scratch);

// Adds `shift` of a full turn, [-0.5, 0.5], to the hue in 8-bit HSV. One channel stays as it is.
void adjust_hue(Image& image, double shift);

// Every channel becomes the image's grey.
void make_grey(Image& image);

}  // namespace cf::data
