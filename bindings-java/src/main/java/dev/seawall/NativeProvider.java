package dev.seawall;

/** Picks the border of this Java version: here JNI. The jar holds another one for Java 22 and later. */
final class NativeProvider {
    private NativeProvider() {}

    static Native open(String library) {
        return new Jni(library);
    }

    /** The other half of a border that is open. */
    static NativeWall wall(Native open) {
        return new JniWall();
    }
}
