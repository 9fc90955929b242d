package dev.seawall;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Where a field of a C structure lies in the {@code long[]} that holds the structure. */
final class Field {
    private static final boolean BIG = ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN;

    final int offset;
    final int bytes;
    private final int index;
    private final int shift;
    private final long mask;

    private Field(int offset, int bytes) {
        this.offset = offset;
        this.bytes = bytes;
        index = offset / 8;
        // Two 32-bit fields share a word; which half is first depends on the machine.
        shift = bytes == 4 && (offset % 8 == 0) == BIG ? 32 : 0;
        mask = bytes == 4 ? 0xFFFF_FFFFL : -1L;
    }

    static Field u32(int offset) {
        return new Field(offset, 4);
    }

    static Field u64(int offset) {
        return new Field(offset, 8);
    }

    /** A text that ends with a zero byte. */
    static Field text(int offset, int bytes) {
        return new Field(offset, bytes);
    }

    /** Several numbers, which are read and written by whoever knows their places. */
    static Field bytes(int offset, int bytes) {
        return new Field(offset, bytes);
    }

    /** The same field of a structure that begins so many words later. */
    Field after(int words) {
        return new Field(offset + 8 * words, bytes);
    }

    /** How many words a structure of so many bytes fills. */
    static int words(int bytes) {
        return (bytes + 7) / 8;
    }

    long get(long[] words) {
        return words[index] >>> shift & mask;
    }

    int getInt(long[] words) {
        return (int) get(words);
    }

    void set(long[] words, long value) {
        words[index] = words[index] & ~(mask << shift) | (value & mask) << shift;
    }

    String getText(long[] words) {
        ByteBuffer buffer = ByteBuffer.allocate(words.length * 8).order(ByteOrder.nativeOrder());
        buffer.asLongBuffer().put(words);
        int length = 0;
        while (length < bytes && buffer.get(offset + length) != 0) {
            length++;
        }
        return new String(buffer.array(), offset, length, StandardCharsets.US_ASCII);
    }
}
