package dev.seawall;

/**
 * Picks the border of this Java version: java.lang.foreign, or JNI with {@code -Dseawall.binding=jni} for
 * those who must rule the other out.
 */
final class NativeProvider {
    private NativeProvider() {}

    static Native open(String library) {
        String wanted = System.getProperty("seawall.binding", "foreign");
        return switch (wanted) {
            case "foreign" -> new Foreign(library);
            case "jni" -> new Jni(library);
            default -> throw new SeawallException("seawall.binding is " + wanted + ", known are foreign and jni");
        };
    }

    /** The other half of a border that is open. */
    static NativeWall wall(Native open) {
        return open instanceof Jni ? new JniWall() : new ForeignWall();
    }
}
