"""Writes transforms.png: what Pillow makes of the middle of resize_source.png, one picture below the other, in the
order of the cases of tests/data/transforms_test.cpp. Run beside the files; made with Pillow 9.4."""

from PIL import Image, ImageEnhance, ImageOps

SIZE = (19, 15)
source = Image.open("resize_source.png").convert("RGB").resize(SIZE, Image.BICUBIC)
FILL = (124, 116, 104)
FILTERS = (Image.NEAREST, Image.BILINEAR, Image.BICUBIC)


def hue(image, shift):
    h, s, v = image.convert("HSV").split()
    h = h.point([(i + int(shift * 255)) & 255 for i in range(256)])
    return Image.merge("HSV", (h, s, v)).convert("RGB")


def affine(image, data, resample):
    return image.transform(image.size, Image.AFFINE, data, resample=resample, fillcolor=FILL)


pictures = [source]
for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color, ImageEnhance.Sharpness):
    pictures += [enhance(source).enhance(factor) for factor in (0.0, 0.1, 0.73, 1.0, 1.4, 1.9)]
pictures += [hue(source, shift) for shift in (-0.5, -0.1, 0.0, 0.05, 0.31)]
pictures.append(source.convert("L").convert("RGB"))
pictures.append(ImageOps.invert(source))
pictures += [ImageOps.solarize(source, threshold) for threshold in (0, 100.5, 256)]
pictures.append(source.point([min(255, i + 60) if i < 128 else i for i in range(256)] * 3))
pictures += [ImageOps.posterize(source, bits) for bits in (0, 2, 4, 8)]
dull = ImageEnhance.Contrast(source).enhance(0.4)
pictures += [ImageOps.autocontrast(dull), ImageOps.equalize(dull), ImageOps.equalize(source)]
for resample in FILTERS:
    pictures.append(affine(source, (1, 0.3, 0, 0, 1, 0), resample))
    pictures.append(affine(source, (1, 0, 0, -0.17, 1, 0), resample))
    pictures.append(affine(source, (1, 0, 4.3, 0, 1, 0), resample))
    pictures.append(affine(source, (1, 0, 0, 0, 1, -7), resample))
    pictures.append(affine(source, (0.8, 0.1, -2, 0.2, 1.3, 1.5), resample))
    pictures += [source.rotate(angle, resample=resample, fillcolor=FILL) for angle in (30, -13.7, 90, 135, 180, 0)]

sheet = Image.new("RGB", (SIZE[0], SIZE[1] * len(pictures)))
for i, picture in enumerate(pictures):
    sheet.paste(picture, (0, i * SIZE[1]))
sheet.save("transforms.png", optimize=True)
print(len(pictures), "pictures")
