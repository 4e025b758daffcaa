/*
 * What the crate is measured against: RFC 1662 as its appendix C and the usual implementations
 * write it, one octet and one look-up at a time.
 */
#include <stddef.h>
#include <stdint.h>

enum { FLAG = 0x7e, ESCAPE = 0x7d, FLIP = 0x20 };
enum { INITIAL = 0xffff, GOOD = 0xf0b8, POLYNOMIAL = 0x8408 };

static uint16_t table[256];

void reference_prepare(void)
{
	for (unsigned octet = 0; octet < 256; octet++) {
		uint16_t sum = octet;
		for (int bit = 0; bit < 8; bit++)
			sum = sum & 1 ? (sum >> 1) ^ POLYNOMIAL : sum >> 1;
		table[octet] = sum;
	}
}

static inline uint16_t add(uint16_t sum, uint8_t octet)
{
	return (sum >> 8) ^ table[(sum ^ octet) & 0xff];
}

static inline uint8_t *put(uint8_t *out, uint8_t octet, uint32_t accm)
{
	if (octet == FLAG || octet == ESCAPE || (octet < 0x20 && accm >> octet & 1)) {
		*out++ = ESCAPE;
		octet ^= FLIP;
	}
	*out++ = octet;
	return out;
}

/* Writes the frame with address, control, checksum and flags; gives the bytes written. */
size_t reference_encode(const uint8_t *frame, size_t length, uint32_t accm, uint8_t *out)
{
	uint8_t *at = out;
	uint16_t sum = add(add(INITIAL, 0xff), 0x03);

	*at++ = FLAG;
	at = put(at, 0xff, accm);
	at = put(at, 0x03, accm);
	for (size_t i = 0; i < length; i++) {
		sum = add(sum, frame[i]);
		at = put(at, frame[i], accm);
	}
	sum = ~sum;
	at = put(at, sum & 0xff, accm);
	at = put(at, sum >> 8, accm);
	*at++ = FLAG;
	return at - out;
}

/*
 * Reads from *wire to the end of the next good frame and leaves *wire there; gives its length
 * without address, control and checksum, which are in `frame` too. None left: zero.
 */
size_t reference_decode(const uint8_t **wire, const uint8_t *end, uint32_t accm, uint8_t *frame,
			size_t room)
{
	const uint8_t *at = *wire;
	size_t length = 0;
	uint16_t sum = INITIAL;
	uint8_t flip = 0;

	while (at < end) {
		uint8_t octet = *at++;
		if (octet == FLAG) {
			if (length > 4 && sum == GOOD && !flip) {
				*wire = at;
				return length - 4;
			}
			length = 0;
			sum = INITIAL;
			flip = 0;
			continue;
		}
		if (octet < 0x20 && accm >> octet & 1)
			continue;
		if (octet == ESCAPE && !flip) {
			flip = FLIP;
			continue;
		}
		octet ^= flip;
		flip = 0;
		if (length == room)
			continue;
		sum = add(sum, octet);
		frame[length++] = octet;
	}
	*wire = end;
	return 0;
}
