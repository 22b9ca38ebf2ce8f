/*-------------------------------------------------------------------------
 *
 * xxhash.c
 *	  The hashes XXH64 and XXH3 (64 bits).
 *
 * NOTES
 *	  Written from the public specification of xxHash, for the values that
 *	  pg_trickle_hash() and its like promise, and no faster than they need.
 *	  All numbers are read with the lowest byte first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"

#include "util/xxhash.h"

#define PRIME32_1	UINT64CONST(0x9E3779B1)
#define PRIME32_2	UINT64CONST(0x85EBCA77)
#define PRIME32_3	UINT64CONST(0xC2B2AE3D)
#define PRIME64_1	UINT64CONST(0x9E3779B185EBCA87)
#define PRIME64_2	UINT64CONST(0xC2B2AE3D27D4EB4F)
#define PRIME64_3	UINT64CONST(0x165667B19E3779F9)
#define PRIME64_4	UINT64CONST(0x85EBCA77C2B2AE63)
#define PRIME64_5	UINT64CONST(0x27D4EB2F165667C5)
#define PRIME_MIX_1 UINT64CONST(0x165667919E3779F9)
#define PRIME_MIX_2 UINT64CONST(0x9FB21C651E98DF25)

/* XXH3 takes in stripes, each with a secret that begins 8 bytes further on */
#define STRIPE			64
#define LANES			8
#define SECRET_BYTES	192
#define BLOCK_STRIPES	((SECRET_BYTES - STRIPE) / 8)

static const unsigned char default_secret[SECRET_BYTES] = {
	0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
	0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
	0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
	0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
	0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
	0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
	0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
	0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
	0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
	0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
	0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
	0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e
};

static inline uint64
read32(const unsigned char *data)
{
	return data[0] | (uint32) data[1] << 8 | (uint32) data[2] << 16 | (uint32) data[3] << 24;
}

static inline uint64
read64(const unsigned char *data)
{
	return read32(data) | read32(data + 4) << 32;
}

static inline uint64
rotate_left(uint64 value, int bits)
{
	return value << bits | value >> (64 - bits);
}

/* ----- XXH64 ----- */

static uint64
xxh64_round(uint64 lane, uint64 value)
{
	return rotate_left(lane + value * PRIME64_2, 31) * PRIME64_1;
}

static uint64
xxh64_avalanche(uint64 hash)
{
	hash = (hash ^ hash >> 33) * PRIME64_2;
	hash = (hash ^ hash >> 29) * PRIME64_3;
	return hash ^ hash >> 32;
}

uint64
st_xxh64(const unsigned char *data, Size length, uint64 seed)
{
	const unsigned char *end = data + length;
	uint64		hash = seed + PRIME64_5;

	if (length >= 32)
	{
		uint64		lanes[4] = {seed + PRIME64_1 + PRIME64_2, seed + PRIME64_2, seed, seed - PRIME64_1};

		for (; end - data >= 32; data += 32)
		{
			for (int i = 0; i < 4; i++)
				lanes[i] = xxh64_round(lanes[i], read64(data + 8 * i));
		}
		hash = rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) + rotate_left(lanes[2], 12) + rotate_left(lanes[3], 18);
		for (int i = 0; i < 4; i++)
			hash = (hash ^ xxh64_round(0, lanes[i])) * PRIME64_1 + PRIME64_4;
	}
	hash += length;
	for (; end - data >= 8; data += 8)
		hash = rotate_left(hash ^ xxh64_round(0, read64(data)), 27) * PRIME64_1 + PRIME64_4;
	for (; end - data >= 4; data += 4)
		hash = rotate_left(hash ^ read32(data) * PRIME64_1, 23) * PRIME64_2 + PRIME64_3;
	for (; data < end; data++)
		hash = rotate_left(hash ^ *data * PRIME64_5, 11) * PRIME64_1;
	return xxh64_avalanche(hash);
}

/* ----- XXH3 ----- */

static uint64
xxh3_avalanche(uint64 hash)
{
	hash = (hash ^ hash >> 37) * PRIME_MIX_1;
	return hash ^ hash >> 32;
}

/* Both halves of the product of 128 bits, by exclusive or. */
static uint64
multiply_fold(uint64 a, uint64 b)
{
	uint64		low = (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF);
	uint64		middle1 = (a >> 32) * (b & 0xFFFFFFFF);
	uint64		middle2 = (a & 0xFFFFFFFF) * (b >> 32);
	uint64		cross = (low >> 32) + (middle1 & 0xFFFFFFFF) + middle2;

	return (cross << 32 | (low & 0xFFFFFFFF)) ^ ((a >> 32) * (b >> 32) + (middle1 >> 32) + (cross >> 32));
}

static uint64
mix16(const unsigned char *data, const unsigned char *secret, uint64 seed)
{
	return multiply_fold(read64(data) ^ (read64(secret) + seed), read64(data + 8) ^ (read64(secret + 8) - seed));
}

static uint64
xxh3_up_to_16(const unsigned char *data, Size length, uint64 seed)
{
	const unsigned char *secret = default_secret;

	if (length > 8)
	{
		uint64		low = read64(data) ^ ((read64(secret + 24) ^ read64(secret + 32)) + seed);
		uint64		high = read64(data + length - 8) ^ ((read64(secret + 40) ^ read64(secret + 48)) - seed);

		return xxh3_avalanche(length + pg_bswap64(low) + high + multiply_fold(low, high));
	}
	if (length >= 4)
	{
		uint64		keyed = read32(data + length - 4) + (read32(data) << 32);

		seed ^= (uint64) pg_bswap32((uint32) seed) << 32;
		keyed ^= (read64(secret + 8) ^ read64(secret + 16)) - seed;
		keyed = (keyed ^ rotate_left(keyed, 49) ^ rotate_left(keyed, 24)) * PRIME_MIX_2;
		keyed = (keyed ^ ((keyed >> 35) + length)) * PRIME_MIX_2;
		return keyed ^ keyed >> 28;
	}
	if (length > 0)
	{
		uint64		combined = (uint64) data[0] << 16 | (uint64) data[length >> 1] << 24 | data[length - 1] | length << 8;

		return xxh64_avalanche(combined ^ ((read32(secret) ^ read32(secret + 4)) + seed));
	}
	return xxh64_avalanche(seed ^ read64(secret + 56) ^ read64(secret + 64));
}

static uint64
xxh3_up_to_240(const unsigned char *data, Size length, uint64 seed)
{
	uint64		hash = length * PRIME64_1;

	if (length <= 128)
	{
		/* from both ends inwards */
		for (int i = (length - 1) / 32; i >= 0; i--)
			hash += mix16(data + 16 * i, default_secret + 32 * i, seed) +
				mix16(data + length - 16 * (i + 1), default_secret + 32 * i + 16, seed);
		return xxh3_avalanche(hash);
	}
	for (int i = 0; i < 8; i++)
		hash += mix16(data + 16 * i, default_secret + 16 * i, seed);
	hash = xxh3_avalanche(hash);
	for (int i = 8; i < length / 16; i++)
		hash += mix16(data + 16 * i, default_secret + 16 * (i - 8) + 3, seed);
	return xxh3_avalanche(hash + mix16(data + length - 16, default_secret + 119, seed));
}

static void
take_stripe(uint64 *lanes, const unsigned char *data, const unsigned char *secret)
{
	for (int i = 0; i < LANES; i++)
	{
		uint64		value = read64(data + 8 * i);
		uint64		keyed = value ^ read64(secret + 8 * i);

		lanes[i ^ 1] += value;
		lanes[i] += (keyed & 0xFFFFFFFF) * (keyed >> 32);
	}
}

static uint64
xxh3_long(const unsigned char *data, Size length, uint64 seed)
{
	uint64		lanes[LANES] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
	unsigned char secret[SECRET_BYTES];
	Size		nstripes = (length - 1) / STRIPE;
	uint64		hash = length * PRIME64_1;

	for (int i = 0; i < SECRET_BYTES; i += 8)
	{
		uint64		word = read64(default_secret + i) + (i % 16 == 0 ? seed : -seed);

		for (int byte = 0; byte < 8; byte++)
			secret[i + byte] = word >> (8 * byte);
	}
	for (Size n = 0; n < nstripes; n++)
	{
		take_stripe(lanes, data + STRIPE * n, secret + 8 * (n % BLOCK_STRIPES));
		if (n % BLOCK_STRIPES == BLOCK_STRIPES - 1)
		{
			for (int i = 0; i < LANES; i++)
				lanes[i] = (lanes[i] ^ lanes[i] >> 47 ^ read64(secret + SECRET_BYTES - STRIPE + 8 * i)) * PRIME32_1;
		}
	}
	take_stripe(lanes, data + length - STRIPE, secret + SECRET_BYTES - STRIPE - 7);
	for (int i = 0; i < LANES; i += 2)
		hash += multiply_fold(lanes[i] ^ read64(secret + 11 + 8 * i), lanes[i + 1] ^ read64(secret + 19 + 8 * i));
	return xxh3_avalanche(hash);
}

uint64
st_xxh3_64(const unsigned char *data, Size length, uint64 seed)
{
	if (length <= 16)
		return xxh3_up_to_16(data, length, seed);
	if (length <= 240)
		return xxh3_up_to_240(data, length, seed);
	return xxh3_long(data, length, seed);
}
