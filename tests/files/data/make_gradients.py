"""Writes gradient*.{webp,bmp,tif}: the picture of tests/data/imgcodecs_test.cpp in formats beside JPEG and PNG. Run beside
the files; made with Pillow 9.4."""

from PIL import Image

WIDTH, HEIGHT = 13, 9
EXIF = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"  # an empty directory: makes an extended WebP file
picture = Image.new("RGB", (WIDTH, HEIGHT))
picture.putdata([tuple((7 * x + 11 * y + 50 * c) % 256 for c in range(3)) for y in range(HEIGHT) for x in range(WIDTH)])
picture.save("gradient.webp", lossless=True)
picture.save("gradient_extended.webp", lossless=True, exif=EXIF)
picture.save("gradient_lossy.webp", quality=50)
picture.save("gradient.bmp")
picture.save("gradient.tif")
picture.save("gradient_packed.tif", compression="tiff_lzw")
