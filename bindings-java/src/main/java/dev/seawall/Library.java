package dev.seawall;

import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.Cleaner;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Set;

/**
 * Finds and loads the native library, once.
 *
 * <p>{@code -Dseawall.library.path=FILE} names it. Else it comes out of the jar, from
 * {@code natives/<os>-<arch>/}, into a folder of this user's below {@code java.io.tmpdir}, under a name that
 * holds the hash of its content: programs of several versions do not disturb each other, and the file is
 * written once.
 */
final class Library {
    private static final Set<PosixFilePermission> MINE = PosixFilePermissions.fromString("rwx------");

    static final Native NATIVE = load();
    static final NativeWall WALL = NativeProvider.wall(NATIVE);
    static final Cleaner CLEANER = Cleaner.create();

    private Library() {}

    private static Native load() {
        String path = System.getProperty("seawall.library.path");
        Native found = NativeProvider.open(path != null ? Path.of(path).toAbsolutePath().toString() : extract().toString());
        int version = found.abiVersion();
        if (version != Layout.ABI_VERSION) {
            throw new SeawallException("native library with ABI " + Layout.ABI_VERSION + " wanted, " + version + " found");
        }
        return found;
    }

    private static Path extract() {
        String file = System.mapLibraryName("seawall_jni");
        String resource = "/natives/" + platform() + "/" + file;
        try (InputStream in = Library.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new SeawallException("this jar has no native library for " + platform()
                        + "; build one and name it with -Dseawall.library.path");
            }
            byte[] content = in.readAllBytes();
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(content);
            return place(content, HexFormat.of().formatHex(hash, 0, 12) + "-" + file);
        } catch (IOException | NoSuchAlgorithmException cause) {
            throw new SeawallException("cannot unpack the native library; unpack " + resource
                    + " yourself and name it with -Dseawall.library.path", cause);
        }
    }

    private static Path place(byte[] content, String name) throws IOException {
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
        String user = System.getProperty("user.name", "nobody").replaceAll("[^A-Za-z0-9._-]", "_");
        Path folder = temporary.resolve("seawall-" + user);
        boolean posix = temporary.getFileSystem().supportedFileAttributeViews().contains("posix");
        try {
            if (posix) {
                Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(MINE));
            } else {
                Files.createDirectory(folder);
            }
        } catch (FileAlreadyExistsException there) {
            // Somebody else may have made a folder of this name to put a library of theirs into it.
            if (posix && !isMine(folder)) {
                folder = Files.createTempDirectory("seawall-");
            }
        }
        Path file = folder.resolve(name);
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || !Arrays.equals(Files.readAllBytes(file), content)) {
            // Written beside and moved, so that no other process sees half of it.
            Path beside = Files.createTempFile(folder, "part-", "");
            Files.write(beside, content);
            Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        }
        return file;
    }

    private static boolean isMine(Path folder) throws IOException {
        // A file made now belongs to whom this process runs as.
        Path probe = Files.createTempFile("seawall-", "");
        try {
            return Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                    && Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).equals(Files.getOwner(probe))
                    && Files.getPosixFilePermissions(folder, LinkOption.NOFOLLOW_LINKS).equals(MINE);
        } finally {
            Files.delete(probe);
        }
    }

    /** As the folders in the jar are named: linux-x86_64, macos-aarch64. */
    private static String platform() {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String system = os.startsWith("mac") ? "macos" : os.startsWith("windows") ? "windows" : os;
        String arch = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        return system + "-" + (arch.equals("amd64") ? "x86_64" : arch);
    }
}
